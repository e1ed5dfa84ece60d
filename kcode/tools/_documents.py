"""Documents that are no plain text, as text: notebooks and PDF files."""

import importlib
import importlib.util
import io
import json
import time
from collections.abc import Sequence
from typing import Any, cast

from kcode.types.errors import ToolError

OUTPUT = 1000
"""Characters of a notebook cell's output that are shown."""
SECONDS = 20.0


def notebook_text(text: str) -> str | None:
    """Show a Jupyter notebook cell by cell; None if the text is no notebook."""
    try:
        book: Any = json.loads(text)
        cells = cast("list[dict[str, Any]]", book["cells"])
        return "\n\n".join(_cell(n, cell) for n, cell in enumerate(cells)) or "[a notebook without cells]"
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _cell(n: int, cell: dict[str, Any]) -> str:
    head = f"[cell {n}, {cell['cell_type']}]"
    outputs = [_output(output) for output in cast("list[dict[str, Any]]", cell.get("outputs", []))]
    return "\n".join([head, _joined(cell.get("source", "")), *(f"[output]\n{o}" for o in outputs if o)])


def _output(output: dict[str, Any]) -> str:
    data = cast("dict[str, Any]", output.get("data", {}))
    if "text" in output:
        text = _joined(output["text"])
    elif "text/plain" in data:
        text = _joined(data["text/plain"])
    elif "ename" in output:
        text = f"{output['ename']}: {output.get('evalue', '')}"
    else:
        text = ""
    if len(text) > OUTPUT:
        text = f"{text[:OUTPUT]} [... {len(text) - OUTPUT:,} more characters]"
    pictures = [f"[{kind}]" for kind in data if kind.startswith("image/")]
    return "\n".join(filter(None, [text, *pictures]))


def _joined(source: object) -> str:
    return source if isinstance(source, str) else "".join(cast("Sequence[str]", source))


def pdf_text(data: bytes) -> str:
    """Return the text of a PDF file, page by page.

    Raises:
        ToolError: it cannot be read, or no reader is installed.
    """
    if importlib.util.find_spec("pypdf") is None:
        raise ToolError(
            "Reading PDF files needs the package pypdf, which is not installed with kcode. "
            "Use Bash: pdftotext -layout FILE - if that is there, or ask the user to install pypdf beside kcode."
        )
    pypdf: Any = importlib.import_module("pypdf")
    try:
        return _pages(pypdf.PdfReader(io.BytesIO(data)).pages)
    except Exception as error:
        raise ToolError(f"The PDF file cannot be read: {error}") from error


def _pages(pages: Sequence[Any]) -> str:
    stop = time.monotonic() + SECONDS
    lines: list[str] = []
    words = 0
    for n, page in enumerate(pages, start=1):
        if time.monotonic() > stop:
            lines.append(f"[pages {n} to {len(pages)} are left out: reading them takes too long]")
            break
        text = cast("str", page.extract_text())
        words += len(text.split())
        lines += (f"[page {n} of {len(pages)}]", text)
    if not words:
        lines.append("[no text; the pages may be pictures]")
    return "\n".join(lines)
