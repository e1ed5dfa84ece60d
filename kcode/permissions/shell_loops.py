"""What commands in a loop really say: its variable put in, once for each word that the loop goes through."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from kcode.permissions.shell_script import Loop, Script, Simple, Word, names

_MOST_WORDS: Final = 30
_SETS: Final = names("mapfile readarray getopts declare typeset local export readonly unset let eval -v")
"""What sets variables in more ways than are looked at here."""
_REFERENCE: Final = re.compile(r'"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})"')


def spelled_out(command: Simple, script: Script) -> list[tuple[Word, ...]]:
    """A command's words, once for each value of the loop's variable that they name.

    Empty where they name none, or where something but the loop could set it: then what it holds is not known. Only
    a variable in quotes is put in, since that stays one word; a pattern there means a file that it matches.
    """
    named = {name for w in command.words[1:] if (name := _name(w))}
    loops = [loop for loop in command.loops if loop.name in named]
    if (
        len(named) != 1
        or len(loops) != 1
        or len(loops[0].values) > _MOST_WORDS
        or _set_elsewhere(loops[0], script)
    ):
        return []
    return list(_variants(command.words, loops[0]))


def _variants(words: tuple[Word, ...], loop: Loop) -> Iterator[tuple[Word, ...]]:
    for value in loop.values:
        yield tuple(
            replace(value, raw=word.raw, variables=()) if place and _name(word) == loop.name else word
            for place, word in enumerate(words)
        )


def _name(word: Word) -> str:
    found = _REFERENCE.fullmatch(word.raw) if word.variables else None
    return found[1] or found[2] if found else ""


def _set_elsewhere(loop: Loop, script: Script) -> bool:
    """Whether a command says the variable's name as `read` would, or sets it."""
    said = re.compile(rf"(?<![\w${{.-]){re.escape(loop.name)}(?![\w.-])")
    return script.opaque or any(
        any(a.name == loop.name for a in command.assignments)
        or any(said.search(w.text) or w.text in _SETS for w in command.words)
        or (command.words[:1] and command.words[0].text == "read" and _joined(command.words))
        or any(other.name == loop.name and other != loop for other in command.loops)
        for command in script.commands
    )


def _joined(words: tuple[Word, ...]) -> bool:
    """Whether an option of `read` could have a name in the same word."""
    return any(w.text.startswith("-") and w.text != "-r" for w in words)
