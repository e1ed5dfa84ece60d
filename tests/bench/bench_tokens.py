"""How far kcode's token estimate is from the true count, on the texts of a folder.

    python -m pip install splintr-rs            # bundles Kimi's vocabulary; no part of kcode
    python tests/bench/bench_tokens.py FOLDER... [--corpus held-out.jsonl.gz] [--vocabulary kimi_k2]

Folders are searched for texts, which are cut into pieces of 200 to 30,000 characters and reported by their ending;
a corpus is what `fit_tokens.py` reads. Errors are those of single texts, before a server's counts correct them.
"""

import argparse
import gzip
import importlib
import json
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kcode.context import tokens

LEAST, MOST = 200, 30_000
LARGE = 3_000_000
"""Bytes above which a file is left out."""


def texts(folder: Path, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield pieces of a folder's texts, with their kinds."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink() or not LEAST <= path.stat().st_size <= LARGE:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        size = int(LEAST * (MOST / LEAST) ** rng.random())
        start = rng.randrange(max(1, len(text) - size))
        if len(text) >= LEAST and "\0" not in text:
            yield path.suffix or "none", text[start : start + size]


def read_corpus(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a corpus."""
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as file
    ):
        yield from map(json.loads, file)


def line(name: str, errors: Sequence[float]) -> str:
    """Write one row of the table."""
    away = sorted(abs(e) for e in errors)
    p90 = away[min(len(away) - 1, int(0.9 * len(away)))]
    return (
        f"{name:<14} {len(away):5}  {statistics.median(away):7.1%} {p90:7.1%} {away[-1]:7.1%} "
        f"{statistics.fmean(errors):+7.1%}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the errors by kind and the speed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--vocabulary", default="kimi_k3")
    options = parser.parse_args(arguments)
    try:
        splintr: Any = importlib.import_module("splintr")
    except ImportError:
        sys.stderr.write("The vocabulary is missing: python -m pip install splintr-rs\n")
        return 2
    encode = splintr.Tokenizer.from_pretrained(options.vocabulary).encode_ordinary
    rng = random.Random(1)
    found = [row for folder in options.folders for row in texts(folder, rng)]
    found += [(row["kind"], row["text"]) for row in read_corpus(options.corpus)] if options.corpus else []
    if not found:
        sys.stderr.write("No texts were found.\n")
        return 2
    errors: defaultdict[str, list[float]] = defaultdict(list)
    characters = sum(len(text) for _, text in found)
    began = time.process_time()
    estimates = [tokens.of_text(text) for _, text in found]
    seconds = time.process_time() - began
    for (kind, text), estimate in zip(found, estimates, strict=True):
        true = len(encode(text))
        errors[kind].append((estimate - true) / true)
    print(f"{'kind':<14} texts      p50     p90     max    mean")
    for kind in sorted(errors):
        print(line(kind, errors[kind]))
    print(line("all", [e for some in errors.values() for e in some]))
    print(f"{characters / seconds / 1e6:.1f} million characters a second, {characters / 1e6:.1f} in all")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
