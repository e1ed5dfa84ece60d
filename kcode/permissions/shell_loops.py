"""What commands in a loop really say: its variable put in, once for each word that the loop goes through."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from kcode.permissions.shell_script import Loop, Script, Simple, Word, names

_MOST_WORDS: Final = 30
_SETS: Final = names("mapfile readarray getopts declare typeset local export readonly unset let eval -v")
"""What sets variables in more ways than are looked at here."""
_SAID: Final = re.compile(r"(?<![\w${.-])[A-Za-z_]\w*(?![\w.-])")
_REFERENCE: Final = re.compile(r'"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})"')


class Loops:
    """The loops of a script, and what else could set their variables."""

    def __init__(self, script: Script) -> None:
        """Looks at all of its commands once."""
        self._opaque = script.opaque
        self._said: set[str] = set()
        self._values: dict[str, set[Loop]] = {}
        for command in script.commands:
            self._look_at(command)

    def spelled_out(self, command: Simple) -> list[tuple[Word, ...]]:
        """A command's words, once for each value of the loop's variable that they name.

        Empty where they name none, or where something but the loop could set it: then what it holds is not known.
        Only a variable in quotes is put in, since that stays one word; a pattern there means a file that it matches.
        """
        named = {name for w in command.words[1:] if (name := _name(w))}
        loops = [loop for loop in command.loops if loop.name in named]
        if len(named) != 1 or len(loops) != 1 or len(loops[0].values) > _MOST_WORDS or self._opaque:
            return []
        name = loops[0].name
        sure = name not in self._said and self._values[name] == {loops[0]}
        return list(_variants(command.words, loops[0])) if sure else []

    def _look_at(self, command: Simple) -> None:
        """Keeps every name that a command says as `read` would, or sets."""
        self._said.update(a.name for a in command.assignments)
        for word in command.words:
            self._said.update(_SAID.findall(word.text))
        for loop in command.loops:
            self._values.setdefault(loop.name, set()).add(loop)
        sets = any(w.text in _SETS for w in command.words)
        if sets or (command.words[:1] and command.words[0].text == "read" and _joined(command.words)):
            self._opaque = True


def _variants(words: tuple[Word, ...], loop: Loop) -> Iterator[tuple[Word, ...]]:
    for value in loop.values:
        yield tuple(
            replace(value, raw=word.raw, variables=()) if place and _name(word) == loop.name else word
            for place, word in enumerate(words)
        )


def _name(word: Word) -> str:
    found = _REFERENCE.fullmatch(word.raw) if word.variables else None
    return found[1] or found[2] if found else ""


def _joined(words: tuple[Word, ...]) -> bool:
    """Whether an option of `read` could have a name in the same word."""
    return any(w.text.startswith("-") and w.text != "-r" for w in words)
