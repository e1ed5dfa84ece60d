"""Bash rules over the words of a command."""

import re
from collections.abc import Sequence

from kcode.permissions import git_words
from kcode.permissions.rules import Rule
from kcode.permissions.shell_script import Word
from kcode.permissions.wrapper_shapes import program, trusted_program


def allows(rule: Rule, words: tuple[Word, ...]) -> bool:
    """Whether an allow rule covers a command: word by word, only where each matched word is known."""
    if rule.tool != "Bash":
        return False
    if rule.everything:
        return True
    if _from_start(rule.tokens, words):
        return True
    name = trusted_program(words[0])
    if name != words[0].text:
        words = (Word(words[0].raw, name, words[0].literal), *words[1:])
        if _from_start(rule.tokens, words):
            return True
    if name != "git" or not words[1:2] or not words[1].text.startswith("-"):
        return False
    return _from_start(rule.tokens, git_words.without_options(words))


def spellings(words: tuple[Word, ...]) -> list[list[str]]:
    """The ways a command can be written that a deny or ask rule must see through."""
    name = program(words[0]).casefold()
    found = [[w.text for w in words]]
    if name != words[0].text:
        found.append([name, *found[0][1:]])
    if name == "git" and words[1:2] and words[1].text.startswith("-"):
        found.append(["git", *(w.text for w in git_words.without_options(words)[1:])])
    return found


def forbids(rule: Rule, words: tuple[Word, ...], spelled: list[list[str]] | None = None) -> bool:
    """Whether a deny or ask rule covers a command, however its program is spelled or its options are ordered.

    `spelled` is what `spellings` gives, where several rules look at one command.
    """
    if rule.tool != "Bash":
        return False
    if rule.everything:
        return True
    spelled = spelled or spellings(words)
    first = rule.program or rule.tokens[0]
    if rule.program and all(first != s[0].casefold() for s in spelled):
        # Without a wildcard only the joined text could still match, as when one word holds the whole command.
        return " " in spelled[0][0] and _eager((first, *rule.tokens[1:]), spelled[0][0].split())
    tokens = (first, *rule.tokens[1:])
    return any(_eager(tokens, spelling) for spelling in spelled)


def forbids_text(rule: Rule, words: Sequence[str]) -> bool:
    """Like `forbids`, for words that were only guessed from raw text."""
    return bool(words) and forbids(rule, tuple(Word(w, w) for w in words))


def names_word(rule: Rule, word: Word) -> bool:
    """Whether a rule itself spells out a word, so that the person meant exactly this."""
    return word.fixed and word.text in rule.tokens[1:] and word.text != "*"


def _from_start(tokens: tuple[str, ...], words: tuple[Word, ...]) -> bool:
    """A leading `*` stands for the program alone: `* --version` must not cover `rm -rf x --version`."""
    if tokens[:1] == ("*",) and len(tokens) > 1:
        return _strict(tokens[1:], words[1:])
    return _strict(tokens, words)


def _strict(tokens: tuple[str, ...], words: tuple[Word, ...]) -> bool:
    if not tokens:
        return not words
    token, rest = tokens[0], tokens[1:]
    if token == "*":  # noqa: S105 - a wildcard, no password
        if not rest:
            return True
        return any(_strict(rest, words[taken:]) for taken in range(1, len(words) + 1))
    if not words:
        return False
    if token.endswith("*") and not rest and _word(token, words[0]):
        return True
    return _word(token, words[0]) and _strict(rest, words[1:])


def _word(token: str, word: Word) -> bool:
    if not word.fixed:
        return False
    return word.text == token if "*" not in token else _pattern(token).fullmatch(word.text) is not None


def _pattern(token: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(p) for p in token.split("*")), re.DOTALL)


def _eager(tokens: tuple[str, ...], texts: list[str]) -> bool:
    if tokens[-1:] == ("*",) and "*" not in "".join(tokens[:-1]):
        return texts[: len(tokens) - 1] == [t.casefold() if i == 0 else t for i, t in enumerate(tokens[:-1])]
    joined = " ".join(texts)
    if "*" not in "".join(tokens):
        return texts == [tokens[0].casefold(), *tokens[1:]] or joined == " ".join(tokens)
    pattern = " ".join(tokens)
    optional = pattern.removesuffix(" *") if pattern.endswith(" *") else pattern
    return any(_pattern(p).fullmatch(joined) is not None for p in (pattern, optional, pattern.casefold()))
