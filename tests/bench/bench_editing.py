"""Milliseconds per edit by file size and kind of edit: `python tests/bench/bench_editing.py`."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from statistics import median

from kcode.editing import EditRefused, edit
from kcode.editing.diff import unified

_SIZES = (100, 1_000, 10_000, 100_000)


def sample(lines: int) -> str:
    """Build a file of about this many lines, all functions alike but for their number."""
    one = "def f{n}(self, a, b):\n    if a:\n        return b  # {n}\n\n    return a\n\n"
    return "".join(one.format(n=n) for n in range(lines // 6))


def block(lines: int, indent: str) -> str:
    """Give the text of one function in the middle, indented as asked."""
    n = lines // 12
    return f"def f{n}(self, a, b):\n{indent}if a:\n{indent}{indent}return b  # {n}"


def cases(lines: int) -> dict[str, Callable[[], object]]:
    """Name the edits to time."""
    text = sample(lines)
    exact, loose = block(lines, "    "), block(lines, "\t")
    crlf = text.replace("\n", "\r\n")
    return {
        "exact": lambda: edit(text, exact, exact.replace("return b", "return c")),
        "tabs for blanks": lambda: edit(text, loose, loose.replace("return b", "return c")),
        "loose, CRLF file": lambda: edit(crlf, loose, loose.replace("return b", "return c")),
        "refused": lambda: edit(text, exact.replace("return", "retrun"), "x"),
        "ambiguous": lambda: edit(text, "    if a:\n", "    if b:\n"),
        "unified diff": lambda: unified(text, text.replace(exact, "x"), "f.py"),
    }


def measure(run: Callable[[], object], times: int) -> float:
    """Return the median milliseconds of a call, refusals included."""
    took: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        with suppress(EditRefused):
            run()
        took.append(1000 * (time.perf_counter() - start))
    return median(took)


def main() -> int:
    """Print the table."""
    names = list(cases(_SIZES[0]))
    print(f"{'ms':18}" + "".join(f"{size:>10,}" for size in _SIZES))
    table = {size: cases(size) for size in _SIZES}
    for name in names:
        row = [measure(table[size][name], 5 if size > 10_000 else 15) for size in _SIZES]
        print(f"{name:18}" + "".join(f"{ms:>10.2f}" for ms in row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
