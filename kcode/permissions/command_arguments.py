"""Programs that run others without being known for it: rules against commands hold for what stands in their arguments.

`wrappers` reads those whose form is known, and then a rule decides. Here is only doubt: it asks.
"""

import re
from collections.abc import Iterable
from typing import Final

from kcode.permissions import readers
from kcode.permissions.command_context import Context
from kcode.permissions.command_hiding import INTERPRETERS, everywhere
from kcode.permissions.command_rules import forbids_text
from kcode.permissions.reader_checks import runs_nothing
from kcode.permissions.rules import STRICT, Rule
from kcode.permissions.shell import rough_commands
from kcode.permissions.shell_script import Word, names
from kcode.permissions.verdict import Verdict
from kcode.permissions.wrapper_shapes import program
from kcode.permissions.wrappers import WRAPPERS

_SUBCOMMANDS: Final = names(
    "npm pnpm yarn bun deno cargo go docker podman kubectl oc helm pip pip3 uv poetry pdm hatch rye conda mamba pixi"
    " gh glab brew apt apt-get dnf yum pacman apk make just task rake bundle gem composer dotnet gradle terraform aws"
    " gcloud az systemctl nix rustup mise asdf rbenv pyenv nvm op hg svn jj snap flatpak cmake meson ninja"
)
"""Programs whose first word says what they are to do, and is no program itself."""
_TAKES_NAMES: Final = names(
    "install i add remove uninstall rm info show search view update upgrade pull build test help list ls outdated"
)
"""What follows these is what is installed or looked at."""
_INSTALLS: Final = names("install add")
_SCRIPTED: Final = names("vi vim nvim view emacs less more man ex ed gdb expect ssh")
"""Programs that take orders in a language of their own, in which one of them runs a program."""
_SCRIPT: Final = re.compile("[ !:]")
_NAMES: Final = re.compile(r"[\w.+@-]+")
_QUOTING: Final = re.compile(r"['\"\\]")
_MOST_WORDS: Final = 40


def in_arguments(words: tuple[Word, ...], context: Context) -> list[Verdict]:
    """A doubt where a command that a rule is against stands among the arguments of another."""
    name = program(words[0])
    if name == "git" or not (name in _SCRIPTED or _could_run(name)) or not _mentioned(words, context):
        return []
    first = 2 if name in _SUBCOMMANDS else 1
    if first == 2 and (
        {w.text for w in words[1:2]} & _TAKES_NAMES or {w.text for w in words[2:3]} & _INSTALLS
    ):
        return []
    for place, word in enumerate(words[1:_MOST_WORDS], 1):
        for text in dict.fromkeys((word.text, word.text.partition("=")[2])):
            for guess in _guesses(text, name, words[place + 1 :], alone=place < first):
                if rule := _against(guess, context):
                    part = " ".join(w.raw for w in words)
                    reason = f"it could run '{' '.join(guess)}', which the rule {rule.text} is about"
                    return [Verdict("ask", reason, part, rule.text, rule.source)]
    return []


def _mentioned(words: tuple[Word, ...], context: Context) -> bool:
    """Whether any rule against a command can be about what stands here: its program is named, or it could be any."""
    against = context.rules.programs_against
    said = _QUOTING.sub("", " ".join(w.text for w in words[1:])).casefold()
    return bool(against) and ("" in against or not against.isdisjoint(_NAMES.findall(said)))


def _could_run(name: str) -> bool:
    if name in _SUBCOMMANDS:
        return True
    reads = readers.reader(name) or readers.looks_at_names_only(name) or runs_nothing(name)
    return not (reads or name in WRAPPERS or INTERPRETERS.fullmatch(name))


def _guesses(text: str, name: str, further: tuple[Word, ...], *, alone: bool) -> Iterable[tuple[str, ...]]:
    """What one argument could mean as a command, `further` ones behind it; `alone` is one that is no program."""
    if not text or text.startswith("-"):
        return
    if name in _SCRIPTED and _SCRIPT.search(text):
        yield from everywhere(text)
    elif " " in text:
        yield from rough_commands(text)
    elif not alone and ("/" not in text or text.startswith("/")):
        yield (text, *(w.text for w in further))


def _against(guess: tuple[str, ...], context: Context) -> Rule | None:
    first = Word(guess[0], guess[0])
    candidates = (r for b in STRICT for r in context.rules.about(b, first) if not r.everything)
    return next((r for r in candidates if forbids_text(r, guess)), None)
