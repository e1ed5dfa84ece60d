"""The table of faults and their tests in docs/design/model-link.md: `python tests/faults/matrix.py` renews it."""

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "docs" / "design" / "model-link.md"
ROWS = 83
_OPEN, _CLOSE = "<!-- rows: made by tests/faults/matrix.py -->", "<!-- /rows -->"
_TEST = re.compile(r"def (test_rows?_(\d\d)(?:_and_(\d\d))?_(\w+))")


def by_row() -> dict[int, list[tuple[str, str]]]:
    """Return by row: the file and the name of each of its tests."""
    found: dict[int, list[tuple[str, str]]] = {}
    for path in sorted(FOLDER.glob("test_rows_*.py")):
        for name, first, second, _ in _TEST.findall(path.read_text(encoding="utf-8")):
            for number in filter(None, (first, second)):
                found.setdefault(int(number), []).append((path.name, name))
    return found


def table() -> str:
    """Write the table."""
    lines = ["| row | test |", "| ---: | --- |"]
    for number, names in sorted(by_row().items()):
        words = "; ".join(
            re.sub(r"^test_rows?_\d\d(_and_\d\d)?_", "", name).replace("_", " ") for _, name in names
        )
        lines.append(f"| {number} | {words} |")
    return "\n".join(lines)


def renewed(page: str) -> str:
    """Put the table into the page."""
    before, _, rest = page.partition(_OPEN)
    _, _, after = rest.partition(_CLOSE)
    return f"{before}{_OPEN}\n\n{table()}\n\n{_CLOSE}{after}"


def main() -> int:
    """Renew the page."""
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
