"""Comparing two sequences at a bounded cost, the base of merging and of diffs."""

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, TypeAlias

Tag: TypeAlias = Literal["equal", "replace", "delete", "insert"]
Opcode: TypeAlias = tuple[Tag, int, int, int, int]

_EFFORT = 40_000
"""Pairs of items that are compared one by one; beyond it only items that occur once anchor the comparison."""


def opcodes(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[Opcode]:
    """Say how to turn `a` into `b`, in difflib's form.

    The cost is bounded: long stretches without any item that occurs once in both are given as one
    replacement instead of being compared pair by pair.
    """
    merged: list[Opcode] = []
    for tag, i1, i2, j1, j2 in _compare(a, b):
        if i1 == i2 and j1 == j2:
            continue
        if merged and _joins(merged[-1][0], tag):
            _, pi, _, pj, _ = merged.pop()
            i1, j1 = pi, pj  # noqa: PLW2901 - the merged block starts where the one before it did
            tag = _tag(i1, i2, j1, j2) if tag != "equal" else tag  # noqa: PLW2901 - as above
        merged.append((tag, i1, i2, j1, j2))
    return merged


def _joins(before: Tag, tag: Tag) -> bool:
    return (before == "equal") == (tag == "equal")


def _tag(i1: int, i2: int, j1: int, j2: int) -> Tag:
    if i1 == i2:
        return "insert"
    return "delete" if j1 == j2 else "replace"


def _compare(a: Sequence[Hashable], b: Sequence[Hashable]) -> Iterator[Opcode]:
    head = 0
    shorter = min(len(a), len(b))
    while head < shorter and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < shorter - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    i2, j2 = len(a) - tail, len(b) - tail
    yield "equal", 0, head, 0, head
    if head < i2 and head < j2:
        for tag, p1, p2, q1, q2 in _middle(a[head:i2], b[head:j2]):
            yield tag, p1 + head, p2 + head, q1 + head, q2 + head
    else:
        yield _tag(head, i2, head, j2), head, i2, head, j2
    yield "equal", i2, len(a), j2, len(b)


def _middle(a: Sequence[Hashable], b: Sequence[Hashable]) -> Iterator[Opcode]:
    if len(a) * len(b) <= _EFFORT:
        yield from SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
        return
    anchors = _anchors(a, b)
    if not anchors:
        yield "replace", 0, len(a), 0, len(b)
        return
    i = j = 0
    for p, q in [*anchors, (len(a), len(b))]:
        if p > i and q > j:
            for tag, p1, p2, q1, q2 in _compare(a[i:p], b[j:q]):
                yield tag, p1 + i, p2 + i, q1 + j, q2 + j
        else:
            yield _tag(i, p, j, q), i, p, j, q
        if p < len(a):
            yield "equal", p, p + 1, q, q + 1
        i, j = p + 1, q + 1


def _anchors(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Pair the items that occur once on each side, keeping the longest run that is in order on both."""
    once_a, once_b = _once(a), _once(b)
    pairs = [(i, once_b[item]) for item, i in once_a.items() if item in once_b]
    return _longest_increasing(sorted(pairs))


def _once(items: Sequence[Hashable]) -> dict[Hashable, int]:
    seen: dict[Hashable, int] = {}
    for i, item in enumerate(items):
        seen[item] = -1 if item in seen else i
    return {item: i for item, i in seen.items() if i >= 0}


def _longest_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    ends: list[int] = []
    heads: list[int] = []
    back: list[int] = []
    for n, (_, j) in enumerate(pairs):
        at = bisect_left(ends, j)
        back.append(heads[at - 1] if at else -1)
        if at == len(ends):
            ends.append(j)
            heads.append(n)
        else:
            ends[at] = j
            heads[at] = n
    run: list[tuple[int, int]] = []
    n = heads[-1] if heads else -1
    while n >= 0:
        run.append(pairs[n])
        n = back[n]
    return run[::-1]
