"""Transport escapes: text that arrived as HTML or as the inside of a JSON string."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from kcode.editing.readings import Reading

_ENTITY = re.compile(r"&(lt|gt|amp|quot|apos|nbsp|#39|#34|#x27|#x22);")
_MARKS = {
    "lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'", "nbsp": "\u00a0",
    "#39": "'", "#34": '"', "#x27": "'", "#x22": '"',
}  # fmt: skip

_PAIR = re.compile(r"\\(r\\n|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", '"': '"', "'": "'", "`": "`", "\\": "\\", "/": "/"}
_ALWAYS_ESCAPED = {"n", "t", '"', "\\"}
"""What every JSON encoder escapes; the others are escaped by a model's habit only."""
_LEADING_TABS = re.compile(r"(?<=\n)(?:\\t)+|^(?:\\t)+")
_DOUBLE = re.compile(r"\\\\[nt\"]")
"""An escaped backslash before a letter, or a plain one before an escape: which, only old can show."""
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")


def unescaped(typed: Reading) -> Iterator[Reading]:
    """Read the text with transport escapes undone, the fullest reading first.

    What is undone in old is undone in new as well. Where new has an escape that old neither shows as
    escaped nor as plain, nothing tells what it means, and the reading is dropped.
    """
    yield from _without_entities(typed)
    kinds = _kinds(typed.old)
    for size in range(len(kinds), 0, -1):
        for chosen in combinations(sorted(kinds), size):
            undone = set(chosen)
            new = _alike(typed.old, typed.new, undone)
            if new is not None:
                old = _undo(typed.old, undone)
                yield replace(typed, old=old, new=new, kind="escapes", note="backslash escapes undone")
    if not typed.old.isascii():
        for form in ("\\u{:04x}", "\\u{:04X}"):
            yield replace(
                typed,
                old=_escape_letters(typed.old, form),
                new=_escape_letters(typed.new, form),
                kind="escapes",
                note="letters written as the file's \\u escapes",
            )


def _without_entities(typed: Reading) -> Iterator[Reading]:
    present = {_MARKS[name] for name in _ENTITY.findall(typed.old)}
    tried: set[frozenset[str]] = set()
    for chosen in (present, present & {"<", ">"}, present - {"&"}):
        if not chosen or frozenset(chosen) in tried:
            continue
        tried.add(frozenset(chosen))
        bare_old, bare_new = _ENTITY.sub("", typed.old), _ENTITY.sub("", typed.new)
        names = {_MARKS[name] for name in _ENTITY.findall(typed.new)}
        if any(m in bare_new and m not in bare_old for m in chosen & names):
            continue
        unseen = {m for m in names - present if m not in bare_old}
        yield replace(
            typed,
            old=_decode(typed.old, chosen),
            new=_decode(typed.new, chosen | unseen),
            kind="escapes",
            note="HTML entities decoded",
        )


def _decode(text: str, marks: set[str]) -> str:
    return _ENTITY.sub(lambda m: _MARKS[m[1]] if _MARKS[m[1]] in marks else m[0], text)


def _kinds(text: str) -> set[str]:
    found = {_kind(pair) for pair in _PAIR.findall(text)}
    return {kind for kind in found if kind == "u" or kind in _PLAIN}


def _kind(pair: str) -> str:
    if pair == "r\\n":
        return "n"
    return "" if pair == "u" else pair[0]


def _undo(text: str, kinds: set[str]) -> str:
    return _PAIR.sub(lambda m: _plain(m[1], m[0], kinds), text)


def _plain(pair: str, whole: str, kinds: set[str]) -> str:
    kind = _kind(pair)
    if kind not in kinds:
        return whole
    if kind == "u":
        letter = chr(int(pair[1:], 16))
        return whole if letter.isspace() or not letter.isprintable() else letter
    return _PLAIN[kind]


def _alike(old: str, new: str, undone: set[str]) -> str | None:
    """Undo in `new` what was undone in `old`; None where it is unclear what `new` means."""
    bare_old, bare_new = _bare(old), _bare(new)
    found = _kinds(new)
    for kind in found & undone:
        if kind in bare_new and kind not in bare_old:
            return None
    if "\\" not in undone and _DOUBLE.search(new) and not _DOUBLE.search(old):
        return None
    if "n" in undone and "t" in found - _kinds(old):
        # No line of code starts with a literal backslash, so escaped tabs there are indentation.
        new = _LEADING_TABS.sub(lambda m: m[0].replace("\\t", "\t"), _undo_first_breaks(new))
        found = _kinds(new)
    if "n" in found - undone and not breaks_in_strings(new):
        return None
    unseen = (found - _kinds(old) - bare_old) & (_ALWAYS_ESCAPED | {"u"})
    if unseen or ("n" in undone and _breaks_string(old, new)):
        return None
    return _undo(new, undone)


def _undo_first_breaks(text: str) -> str:
    """Undo line breaks that escaped tabs follow, so that the tabs are seen to lead their line."""
    return re.sub(r"(?<!\\)((?:\\\\)*)(?:\\r)?\\n(?=\\t)", "\\1\n", text)


def _bare(text: str) -> set[str]:
    """Return the kinds that a text shows unescaped."""
    rest = _PAIR.sub("", text)
    found = {kind for kind, mark in _PLAIN.items() if mark in rest}
    if any(_kind(pair) not in _PLAIN and _kind(pair) != "u" for pair in _PAIR.findall(text)):
        found.add("\\")
    return found | {"u"} if any(c > "\x7f" and not c.isspace() for c in text) else found


def _breaks_string(old: str, new: str) -> bool:
    r"""Tell whether a `\n` that only `new` has stands inside quotes, where it is more likely meant as typed."""
    known = set(old.split("\\n"))
    pieces = new.split("\\n")
    return any(
        piece not in known and _open_quote(_PAIR.sub("", piece.split("\n")[-1])) for piece in pieces[:-1]
    )


def breaks_in_strings(text: str) -> bool:
    r"""Tell whether every escaped line break stands inside quotes, where it can be meant as typed."""
    return all(_open_quote(_PAIR.sub("", piece.split("\n")[-1])) for piece in text.split("\\n")[:-1])


def _open_quote(line: str) -> bool:
    inside = ""
    for mark in _APOSTROPHE.sub("", line):
        if inside:
            inside = "" if mark == inside else inside
        elif mark in "\"'`":
            inside = mark
    return bool(inside)


def _escape_letters(text: str, form: str) -> str:
    return "".join(c if c.isascii() or ord(c) > 0xFFFF else form.format(ord(c)) for c in text)
