"""Fits the weights of `kcode.context.estimate` to the real vocabulary, which is not part of kcode.

    python -m pip install splintr-rs numpy      # in an environment of its own
    python tests/bench/fit_tokens.py corpus.jsonl.gz > kcode/context/estimate.json

Every line of the corpus is `{"kind": ..., "text": ...}`: whatever a coding agent reads and writes. All kinds weigh
the same unless a line says `"weight"`. Kinds that end with `~` are prose in languages that share the Latin
alphabet with English: the weights of ASCII words are fitted without them, the factor for foreign texts with them.
`tests/bench/bench_tokens.py` judges the result, on other texts.
"""

import argparse
import importlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_tokens import read_corpus

from kcode.context import estimate

RUNS, CHARACTERS = 150, 600
"""How many runs of punctuation and Chinese characters have a weight of their own."""
RIDGE = 30.0
SCARCE = 200.0
"""The same for weights that many pieces share, which a few rare words would bend."""
ROUNDS = 4


class Corpus:
    """Pieces with their true tokens, and how often they come."""

    def __init__(self, path: Path, encode: Any) -> None:
        rows = list(read_corpus(path))
        lengths: Counter[str] = Counter()
        for row in rows:
            lengths[row["kind"]] += len(row["text"])
        self.weight: defaultdict[str, float] = defaultdict(float)
        self.foreign: list[tuple[Counter[str], int]] = []
        for row in rows:
            found = Counter(estimate.pieces(row["text"]))
            away = row["kind"].endswith("~")
            if away:
                self.foreign.append((found, len(encode(row["text"]))))
            share = row.get("weight", 1) * 1e6 / lengths[row["kind"]]
            for piece, times in found.items():
                if not (away and piece.isascii()):
                    self.weight[piece] += times * share
        self.true = {piece: len(encode(piece)) for piece in self.weight}


def frequent(corpus: Corpus) -> dict[str, float]:
    """The runs of punctuation and the characters that get a weight of their own."""
    runs: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    for piece, weight in corpus.weight.items():
        if not piece.isascii():
            if estimate.script_of(piece) == "h":
                for character in piece:
                    characters[character] += weight  # pyright: ignore[reportArgumentType] - any number does
        elif not any(c.isalnum() for c in piece) and not piece.isspace():
            runs[f"p{piece.rstrip(chr(10) + chr(13))}"] += weight  # pyright: ignore[reportArgumentType] - the same
    return dict.fromkeys(
        [*(k for k, _ in runs.most_common(RUNS)), *(k for k, _ in characters.most_common(CHARACTERS))], 0.0
    )


def fit(corpus: Corpus, known: Mapping[str, float]) -> dict[str, float]:
    """Least squares over pieces; those that are clamped to one token rightly do not pull."""
    np: Any = importlib.import_module("numpy")
    index: dict[str, int] = {}
    rows = [
        [(index.setdefault(key, len(index)), n) for key, n in Counter(estimate.keys(piece, known)).items()]
        for piece in corpus.weight
    ]
    ridge = np.diag([SCARCE if shared(key) else RIDGE for key in index])
    answer: Any = np.zeros(len(index))
    settled: list[bool] = [False] * len(rows)
    for _ in range(ROUNDS):
        gram, target = ridge.copy(), np.zeros(len(index))
        for row, done, (piece, weight) in zip(rows, settled, corpus.weight.items(), strict=True):
            if done:
                continue
            at, times = np.array([i for i, _ in row]), np.array([float(n) for _, n in row])
            gram[np.ix_(at, at)] += weight * np.outer(times, times)
            target[at] += weight * corpus.true[piece] * times
        answer = np.linalg.solve(gram, target)
        settled = [
            corpus.true[piece] == 1 and sum(n * answer[i] for i, n in row) < 1
            for piece, row in zip(corpus.weight, rows, strict=True)
        ]
    return {key: float(answer[i]) for key, i in index.items()}


def shared(key: str) -> bool:
    """Whether many pieces share a weight."""
    return (len(key) == 2 and not key[0].isupper()) or not key.isascii()


def foreign(corpus: Corpus, weights: estimate.Weights) -> float:
    """The factor for what long words of foreign texts cost beyond a token."""
    above = below = 0.0
    for found, true in corpus.foreign:
        total, extra, share = estimate.weigh(found, lambda piece: estimate.cost(piece, weights))
        above += extra * share / true * (true - total) / true
        below += (extra * share / true) ** 2
    return above / below if below else 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the weights as JSON, in hundredths of a token."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--vocabulary", default="kimi_k3")
    options = parser.parse_args(arguments)
    encode = importlib.import_module("splintr").Tokenizer.from_pretrained(options.vocabulary).encode_ordinary
    corpus = Corpus(options.corpus, encode)
    weights = estimate.Weights(fit(corpus, frequent(corpus)))
    weights["foreign"] = foreign(corpus, weights)
    whole = {key: round(100 * number) for key, number in sorted(weights.items())}
    json.dump(whole, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
