"""Random shell scripts run by real bash against the verdict: a marker that runs in an allowed script is a hole.

The scripts are put together from the fragments in `fragments/` and run in a sandbox (`fuzz_arena`). The marker is a
program named `evil`, for which no rule exists. `make fuzz COUNT=20000 SEED=7` runs a long search.
"""

import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import fuzz_arena
from permission_cases import decision_on, texts

from kcode.permissions.rules import parse_rules
from kcode.types.events import Mode

HERE = "•"
RULES = parse_rules(
    allow=[
        f"Bash({rule})"
        for rule in (
            *("git:*", "npm test", "ls:*", "xargs:*", "env:*", "find:*", "sort:*", "awk:*", "sed:*", "tar:*"),
            *("rg:*", "nice:*", "timeout:*", "nohup:*", "command:*", "cat *", "printf:*", "test:*"),
        )
    ]
)
"""Wide rules, as people write them: they must not let a program run that none of them names."""
BARE = parse_rules(allow=["Bash(git log:*)", "Bash(npm test)"])
AGAINST = parse_rules(deny=["Bash(evil:*)"])
ALL_BUT = parse_rules(allow=["Bash"], deny=["Bash(evil:*)"])
NOISE = (
    *(
        "\n",
        " ",
        "\t",
        ";",
        "\\",
        "\\\n",
        "'",
        '"',
        "`",
        "$",
        "#",
        "&",
        "|",
        "(",
        ")",
        "{",
        "}",
        "<",
        ">",
        "!",
        "\r",
    ),
    *(
        "\x0b",
        "\u00a0",
        "\u2028",
        "~",
        "*",
        "[",
        "]",
        "=",
        "$(",
        "${",
        "<(",
        "<<",
        "''",
        '""',
        "&&",
        "||",
        ";;",
        "\n\n",
    ),
    *(" #", "\\\\", "2>&1", "$'", '$"', "-"),
)


@cache
def fragments(name: str) -> tuple[str, ...]:
    """One list of fragments."""
    return texts("fragments", name)


def script(chance: random.Random) -> str:
    """A random script: calm ones that merely name the marker, plain attacks, and wild mixtures with noise."""
    match chance.choices(("calm", "attack", "wild"), (38, 38, 24))[0]:
        case "calm":
            return _joined(
                chance, [_wrapped(chance, "quiet", "calm", 2) for _ in range(chance.randint(1, 3))]
            )
        case "attack":
            piece = _attack(chance)
            if chance.random() < 0.3:
                piece = chance.choice(fragments("wraps")).replace(HERE, piece)
            others = [chance.choice(fragments("calm")) for _ in range(chance.choice((0, 0, 1, 2)))]
            return _joined(chance, chance.sample([*others, piece], len(others) + 1))
        case _:
            lists = ("calm", "runs", "names", "names")
            pieces = [_wrapped(chance, "wraps", chance.choice(lists), 3) for _ in range(chance.randint(1, 3))]
            return _noisy(chance, _joined(chance, pieces))


def _attack(chance: random.Random) -> str:
    name = chance.choice(fragments("names"))
    return chance.choice((HERE, *fragments("runs"))).replace(HERE, name) if chance.random() < 0.8 else name


def _wrapped(chance: random.Random, wraps: str, leaves: str, most: int) -> str:
    piece = chance.choice(fragments(leaves)).replace(HERE, chance.choice(fragments("names")))
    for _ in range(chance.randint(0, most)):
        piece = chance.choice(fragments(wraps)).replace(HERE, piece)
    return piece


def _joined(chance: random.Random, pieces: Sequence[str]) -> str:
    return chance.choice(("; ", "\n", " && ", " | ", ";", " & ", "\n\n")).join(pieces)


def _noisy(chance: random.Random, text: str) -> str:
    for _ in range(chance.choice((0, 0, 1, 1, 2, 3))):
        place = chance.randrange(len(text) + 1)
        if chance.random() < 0.75:
            text = text[:place] + chance.choice(NOISE) + text[place:]
        else:
            text = text[:place] + text[place + 1 :]
    return text


def allowed(text: str) -> bool:
    """Whether a script would run unasked by a few rules, by many, or in a mode that accepts edits."""
    return any(decision_on(text, rules, mode) == "allow" for rules in (RULES, BARE) for mode in EDITING)


def overlooked(text: str) -> bool:
    """Whether a rule against the marker fails to stop a script that runs it."""
    return decision_on(text, AGAINST, "bypassPermissions") == "allow" or decision_on(text, ALL_BUT) == "allow"


MOST_SHRUNK = 25
EDITING: tuple[Mode, ...] = ("default", "acceptEdits")


@dataclass
class Search:
    """What a search found.

    Attributes:
        scripts: how many were judged and run.
        ran: how many of them ran the marker.
        allowed: how many would run unasked.
        denied: how many of those that ran it a rule against the marker denies; the others ask.
        holes: scripts that ran the marker unasked.
        missed: scripts that ran the marker although a rule is against it.
    """

    scripts: int = 0
    ran: int = 0
    allowed: int = 0
    denied: int = 0
    holes: list[str] = field(default_factory=list[str])
    missed: list[str] = field(default_factory=list[str])


def search(count: int, seed: int) -> Search:
    """Judges and runs `count` scripts."""
    chance = random.Random(seed)
    scripts = [script(chance) for _ in range(count)]
    found = Search(count)
    for text, ran in zip(scripts, fuzz_arena.run(scripts), strict=True):
        unasked = allowed(text)
        found.allowed += unasked
        if not ran:
            continue
        found.ran += 1
        found.denied += decision_on(text, AGAINST, "bypassPermissions") == "deny"
        if unasked:
            found.holes.append(text)
        if ran == "named" and overlooked(text):
            found.missed.append(text)
    return found


def smallest(text: str, wrong: Callable[[str], bool]) -> str:
    """The smallest script still `wrong` that is left after dropping what is not needed from a hole.

    Halves and lesser parts go first, then single words, then characters; a round's attempts run in one sandbox.
    """
    for pattern, parts in (
        (r"\w+|\s+|[^\w\s]", 2),
        (r"\w+|\s+|[^\w\s]", 8),
        (r"\w+|[^\w]", 0),
        (r"(?s).", 0),
    ):
        while (left := _shorter(text, pattern, parts, wrong)) is not None:
            text = left
    return text


def _shorter(text: str, pattern: str, parts: int, wrong: Callable[[str], bool]) -> str | None:
    pieces = re.findall(pattern, text)
    widths = (max(1, len(pieces) // parts),) if parts else (2, 1)
    tries = ["".join(pieces[:at] + pieces[at + width :]) for width in widths for at in range(len(pieces))]
    tries = [each for each in dict.fromkeys(tries) if each.strip() and each != text and wrong(each)]
    ran = fuzz_arena.run(tries) if tries else []
    return next((each for each, marked in zip(tries, ran, strict=True) if marked), None)


def main(count: int, seed: int) -> int:
    """Searches and prints what was found; the status is 1 where there is a hole."""
    start = time.perf_counter()
    found = search(count, seed)
    print(
        f"{count} scripts from seed {seed} in {time.perf_counter() - start:.0f} s:"
        f" {found.ran / count:.0%} ran the marker, {found.allowed / count:.0%} are allowed;"
        f" {len(found.holes)} holes; a rule against the marker denies {found.denied / max(found.ran, 1):.0%}"
        f" of those that ran it and misses {len(found.missed)}"
    )
    for kind, holes, wrong in (("hole", found.holes, allowed), ("missed", found.missed, overlooked)):
        forms = sorted({smallest(each, wrong) for each in holes[:MOST_SHRUNK]}, key=len)
        for each in forms:
            print(f"{kind}: {each!r}")
    return 1 if found.holes or found.missed else 0


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    sys.exit(main(*(numbers + [20_000, 1][len(numbers) :])))
