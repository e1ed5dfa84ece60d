"""Measure kcode beside yardsticks and whatever peers are installed: `make bench`.

    python tests/bench/run.py [--only cold,once,steps,chunks,keys] [--quick] [--json FILE] [--docs FILE]

Tables go to stdout. With --docs they replace what stands between `<!-- measured -->` and `<!-- /measured -->`
in a file. Compare figures within one run only; `kept` says whether kcode's promises held.
"""

import argparse
import compileall
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import parts
import report
from agents import peers

import kcode

OPEN, CLOSE = "<!-- measured -->", "<!-- /measured -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--only", default="", help="parts, separated by commas: cold,once,steps,chunks,keys")
    parser.add_argument("--runs", type=int, default=15, help="runs of everything that is short")
    parser.add_argument("--repeats", type=int, default=3, help="runs of everything that is long")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--quick", action="store_true", help="a third of the runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--docs", type=Path, metavar="FILE", help="renew the tables in a Markdown file")
    parser.add_argument("--strict", action="store_true", help="end with status 1 where a promise is broken")
    options = parser.parse_args(arguments)
    runs = max(3, options.runs // (3 if options.quick else 1))
    repeats = 1 if options.quick else options.repeats
    known: dict[str, Callable[[], list[parts.Row]]] = {
        "cold": partial(parts.cold, runs),
        "once": partial(parts.once, runs),
        "steps": partial(parts.steps, repeats, options.steps),
        "chunks": partial(parts.chunks, max(3, repeats), options.chunks),
        "keys": partial(parts.keys, runs),
    }
    wanted = [name for name in options.only.split(",") if name] or list(known)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        parser.error(f"there is no part {unknown[0]}; there are {', '.join(known)}")
    compileall.compile_dir(Path(kcode.__file__).parent, quiet=1)
    where = report.machine()
    _say(f"peers found: {', '.join(a.name for a in peers()) or 'none'}")
    measured: dict[str, list[parts.Row]] = {}
    for name in wanted:
        _say(f"measuring {report.TITLES[name]} ...")
        measured[name] = known[name]()
    text = report.markdown(measured, where)
    print(text)
    if options.json:
        options.json.write_text(
            json.dumps(report.document(measured, where), indent=1) + "\n", encoding="utf-8"
        )
    if options.docs:
        _renew(options.docs, text)
    broken = [floor for floor in report.floors(measured) if not floor.kept]
    return 1 if options.strict and broken else 0


def _renew(path: Path, text: str) -> None:
    before, _, rest = path.read_text(encoding="utf-8").partition(OPEN)
    _, _, after = rest.partition(CLOSE)
    path.write_text(f"{before}{OPEN}\n\n{text}\n{CLOSE}{after}", encoding="utf-8")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
