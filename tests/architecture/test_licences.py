"""Everything that comes along with kcode may be used freely."""

import re
from importlib import metadata

from packaging.requirements import Requirement

PERMISSIVE = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|0BSD|HPND|CC0|Zlib|MPL[- ]?2)",
    re.IGNORECASE,
)
# Their metadata says nothing that a program can read; looked up by hand.
KNOWN = {
    "agent-client-protocol": "Apache-2.0 (its LICENSE file)",
    "ripgrep": "MIT OR Unlicense (BurntSushi/ripgrep, COPYING)",
}


def closure(name: str, seen: set[str]) -> set[str]:
    if name in seen:
        return seen
    seen.add(name)
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            closure(requirement.name.lower(), seen)
    return seen


def licence(name: str) -> str:
    found = metadata.metadata(name)
    classifiers = [c for c in found.get_all("Classifier") or () if c.startswith("License")]
    fields = [found[name] for name in ("License-Expression", "License") if name in found]
    return " ".join([*fields, *classifiers])


def test_every_dependency_is_permissive() -> None:
    names = closure("kcode-agent", set())
    assert len(names) > 10
    wrong = {n: licence(n)[:80] for n in names if n not in KNOWN and not PERMISSIVE.search(licence(n))}
    assert not wrong


def test_no_dependency_is_copyleft() -> None:
    names = closure("kcode-agent", set())
    wrong = {n: licence(n)[:80] for n in names if re.search(r"\bA?GPL", licence(n)) and n not in KNOWN}
    assert not wrong
