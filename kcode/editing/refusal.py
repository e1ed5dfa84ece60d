"""Refusals that teach: what is wrong, the file's real lines, the first difference, and what to do next."""

from collections.abc import Sequence

from kcode.editing.fold import key, tokens
from kcode.editing.match import Page
from kcode.editing.outcome import EditRefused, Reason

_MOST_LINES = 24
_WIDEST = 160
_MOST_PLACES = 8
_COMPARED = 40
"""Lines of old that vote for the nearest place: enough to find it, few enough to stay fast."""


def refused(reason: Reason, message: str, lines: Sequence[int] = ()) -> EditRefused:
    """Build a refusal; `lines` are 0-based."""
    return EditRefused(message, reason=reason, lines=tuple(n + 1 for n in lines))


def ambiguous(page: Page, places: Sequence[int], *, exact: bool) -> EditRefused:
    """Old fits several places."""
    named = ", ".join(str(n + 1) for n in places[:_MOST_PLACES])
    more = f" and {len(places) - _MOST_PLACES} more" if len(places) > _MOST_PLACES else ""
    alike = "" if exact else " (ignoring blanks and typography)"
    every = " To change every one, set replace_all." if exact else ""
    text = (
        f"old_string fits {len(places)} places{alike}: it starts at lines {named}{more}. Nothing was changed. "
        f"Add neighbouring lines to old_string until it fits one place only.{every}"
    )
    shown = [view for n in places[:_MOST_PLACES] for view in (_numbered(page, n), "")][:-1]
    return refused("ambiguous", "\n".join([text, *(v for v in shown if v)]), places[:_MOST_PLACES])


def already_applied(page: Page, first: int, stop: int) -> EditRefused:
    """New is in the file already."""
    text = (
        f"This edit is already made: the new text is at lines {first + 1}-{stop}. Nothing was changed. "
        "Go on with the next step; read these lines again if you expected something else."
    )
    return refused("already_applied", "\n".join([text, *_window(page, first, stop)]), (first,))


def unchanged(page: Page, first: int, stop: int) -> EditRefused:
    """The edit comes out as what is there: it changes blanks or typography that the file does not have."""
    text = (
        f"Lines {first + 1}-{stop} already read as new_string wants; only blanks or typography that old_string got "
        "wrong differ. Nothing was changed. To change those, copy old_string exactly from the file:"
    )
    return refused("no_change", "\n".join([text, *_window(page, first, stop)]), (first,))


def not_found(page: Page, old: str) -> EditRefused:
    """Old is nowhere; show what comes nearest."""
    block = [line for line in old.split("\n") if line.strip()]
    start = _nearest(page, block)
    lead = "old_string is not in the file. Nothing was changed. "
    if start is None:
        return refused(
            "not_found",
            lead + "No line of it is there either: check the path, and read the file before the next edit.",
        )
    stop = min(len(page.solid), start + len(block))
    real = page.solid[start:stop]
    text = [lead + "The nearest lines are:", *_window(page, real[0], real[-1] + 1)]
    text += _first_difference(page, block, real)
    text.append(
        "Copy old_string from the lines above, without the numbers (→ is a tab, · a trailing blank), or read the "
        "file again if it may have changed."
    )
    return refused("not_found", "\n".join(text), real[:1])


def _nearest(page: Page, block: Sequence[str]) -> int | None:
    """Return where in `page.solid` most of the block's lines would fit, judged by lines, else by words."""
    step = max(1, len(block) // _COMPARED)
    wanted: dict[str, int] = {key(block[n]): n for n in range(len(block) - 1, -1, -step)}
    votes: dict[int, int] = {}
    for n, have in enumerate(page.keys):
        at = wanted.get(have)
        if at is not None and len(have) > 1:
            votes[n - at] = votes.get(n - at, 0) + 1
    if votes:
        best = max(votes, key=lambda n: (votes[n], -abs(n)))
        return max(0, best)
    longest = max(range(len(block)), key=lambda n: len(block[n]))
    words = {t for t in tokens(block[longest]) if t.isalnum() or "_" in t}
    best, score = None, 1
    for n, have in enumerate(page.keys):
        common = sum(word in have for word in words)
        if common > score:
            best, score = n, common
    return None if best is None or 2 * score < len(words) else max(0, best - longest)


def _first_difference(page: Page, block: Sequence[str], real: Sequence[int]) -> list[str]:
    for mine, n in zip(block, real, strict=False):
        if key(mine) != key(page.lines[n]):
            return [
                "First difference:",
                f"  yours    {_visible(mine)}",
                f"  line {n + 1:<4}{_visible(page.lines[n])}",
            ]
    return (
        [f"The file ends there; yours goes on with: {_visible(block[len(real)])}"]
        if len(block) > len(real)
        else []
    )


def _window(page: Page, first: int, stop: int) -> list[str]:
    if stop - first <= _MOST_LINES:
        return [_numbered(page, n) for n in range(first, min(stop, len(page.lines)))]
    half = _MOST_LINES // 2
    return [
        *(_numbered(page, n) for n in range(first, first + half)),
        f"       ({stop - first - 2 * half} more lines)",
        *(_numbered(page, n) for n in range(stop - half, stop)),
    ]


def _numbered(page: Page, n: int) -> str:
    return f"{n + 1:>6}  {_visible(page.lines[n])}"


def _visible(line: str) -> str:
    bare = line.rstrip()
    shown = bare.replace("\t", "→") + "".join("→" if c == "\t" else "·" for c in line[len(bare) :])
    return (
        shown if len(shown) <= _WIDEST else f"{shown[:_WIDEST]} ... ({len(shown) - _WIDEST} more characters)"
    )
