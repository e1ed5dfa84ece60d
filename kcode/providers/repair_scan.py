"""Telling words, thinking and leaked calls apart in text that may come in pieces."""

import re
from collections.abc import Collection
from typing import NamedTuple

from kcode.arguments import is_whole
from kcode.arguments.names import folded
from kcode.providers.repair_code import Place, closes, may_open_fence
from kcode.providers.repair_tokens import (
    ARGUMENTS_BEGIN,
    CALL_END,
    CLOSE,
    K2_TOKENS,
    OPEN,
    ROLES,
    SECTION_BEGIN,
    SECTION_END,
    SEPARATOR,
    THINK_END,
    Leak,
    is_partial,
    read_k2,
    read_k3_call,
    read_tag,
    token_at,
)

_SPECIAL = re.compile(r"`+|~+|[<◁]")
_THINK = ("<think>", "◁think▷")
_EMPTY = "(Empty response: {"
"""With this a server replaces a response that had nothing but thinking."""
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_LAST_WORD = re.compile(r"(?<![\w-])(functions\.[\w-]*|[A-Za-z_][\w-]{0,79})(:\d{0,6})?(\s{0,8})\Z")
_LONGEST_HEADER = 100
_HEADER_STARTS = ("functions.", "call_")
_ROLE = re.compile(r"<\|im_\w+\|>[^<]{0,40}<\|im_middle\|>")
_MENTIONED_BEFORE = " \t\"'("


class Shown(NamedTuple):
    """What may be shown."""

    text: str = ""
    thinking: str = ""


class Scanner:
    """Reads one channel of a response, content or reasoning, in pieces of any size.

    Markup outside code is taken out; inside fences and inline code it is text.

    Attributes:
        calls: the calls that leaked into it.
        mended: what was taken out, each as (kind, detail).
        unopened: where in the text thinking ended that was never opened; None if nowhere.
    """

    def __init__(self, offered: Collection[str] = ()) -> None:
        self.calls: list[Leak] = []
        self.mended: list[tuple[str, str]] = []
        self.unopened: int | None = None
        self._names = tuple(folded(name) for name in offered)
        self._buffer = ""
        self._waiting: list[str] = []
        self._gate = ""
        self._mode = "start"
        self._place = Place()
        self._thinking = False
        self._opened = False
        self._section = False
        self._in_tools = False
        self._skip_space = False
        self._length = 0
        self._at_word = False
        self._words: list[str] = []
        self._thoughts: list[str] = []

    def feed(self, text: str) -> Shown:
        """Take in a piece; return what can no longer become markup."""
        if self._gate:
            self._waiting.append(text)
            if self._gate not in text:
                return Shown()
            text = "".join(self._waiting)
            self._waiting.clear()
            self._gate = ""
        self._buffer += text
        return self._run(final=False)

    def finish(self) -> Shown:
        """Return the rest, once nothing more will come."""
        self._buffer += "".join(self._waiting)
        self._waiting.clear()
        self._gate = ""
        return self._run(final=True)

    def _run(self, *, final: bool) -> Shown:
        steps = {"start": self._start, "text": self._text, "k2": self._k2, "void": self._void}
        while self._buffer and steps[self._mode](final=final):
            pass
        shown = Shown("".join(self._words), "".join(self._thoughts))
        self._words.clear()
        self._thoughts.clear()
        return shown

    def _note(self, kind: str, detail: str = "") -> None:
        if (kind, detail) not in self.mended:
            self.mended.append((kind, detail))

    def _take(self, length: int) -> str:
        taken = self._buffer[:length]
        self._buffer = self._buffer[length:]
        return taken

    def _emit(self, text: str) -> None:
        if self._skip_space:
            text = text.lstrip()
        if not text or (self._in_tools and text.isspace()):
            return
        self._skip_space = False
        self._place.move(text)
        self._at_word = text[-1].isalnum() or text[-1] in "_-"
        (self._thoughts if self._thinking else self._words).append(text)
        if not self._thinking:
            self._length += len(text)

    def _start(self, *, final: bool) -> bool:
        text = self._buffer.lstrip()
        for opening in _THINK:
            if text.startswith(opening):
                self._take(len(self._buffer) - len(text) + len(opening))
                self._thinking = self._opened = self._skip_space = True
                self._note("think_tag")
                self._mode = "text"
                return True
        if text.startswith(_EMPTY):
            self._note("empty_response")
            self._mode = "void"
            return True
        if not final and any(opening.startswith(text) for opening in (*_THINK, _EMPTY)):
            return False
        self._mode = "text"
        return True

    def _void(self, *, final: bool) -> bool:
        del final
        self._buffer = ""
        return False

    def _text(self, *, final: bool) -> bool:
        if self._place.fence:
            return self._in_fence(final=final)
        special = _SPECIAL.search(self._buffer)
        if special is None:
            self._emit(self._take(len(self._buffer) - (0 if final else self._held(self._buffer))))
            return False
        if special.group()[0] in "`~":
            return self._run_of(special, final=final)
        at = special.start()
        token = token_at(self._buffer, at, final=final)
        if token is None:
            self._emit(self._take(at - self._held(self._buffer[:at])))
            return False
        if token == "":
            return self._no_token(at, final=final)
        if self._place.span:
            self._emit(self._take(at))
            quoted = self._quoted(final=final)
            if quoted is None:
                self._gate = self._gate or "`"
                return False
            if quoted:
                return True
            at = 0
        return self._marker(token, at, final=final)

    def _no_token(self, at: int, *, final: bool) -> bool:
        rest = self._buffer[at:]
        if final and len(rest) > 2 and rest.startswith("<|") and is_partial(rest) and not self._place.span:
            self._emit(self._take(at))
            self._buffer = ""
            self._note("partial_marker", rest)
            return False
        self._emit(self._take(at + 1))
        return True

    def _held(self, text: str) -> int:
        """Return how many characters at the end may be the header of a call whose beginning was eaten."""
        tail = text[-_LONGEST_HEADER:]
        match = _LAST_WORD.search(tail)
        if match is None or (match.start() == 0 and (tail != text or self._at_word)):
            return 0
        word, index, space = match.groups()
        if index is not None:
            likely = index != ":" or not space
        else:
            known = word.startswith(_HEADER_STARTS) or any(start.startswith(word) for start in _HEADER_STARTS)
            likely = not space and (known or any(other.startswith(folded(word)) for other in self._names))
        return len(tail) - match.start() if likely else 0

    def _run_of(self, special: re.Match[str], *, final: bool) -> bool:
        run = special.group()
        self._emit(self._take(special.start()))
        place = self._place
        grows = len(self._buffer) == len(run) and (run[0] == "`" or may_open_fence(place.line))
        if grows and not final:
            return False
        if place.span or (len(run) >= 3 and may_open_fence(place.line)):
            return self._inside_or_fence(run, final=final)
        if run[0] == "`":
            place.span = len(run)
        self._emit(self._take(len(run)))
        return True

    def _inside_or_fence(self, run: str, *, final: bool) -> bool:
        place = self._place
        if place.span:
            closing = run[0] == "`" and len(run) == place.span
            self._emit(self._take(len(run)))
            if closing:
                place.span = 0
            return True
        line_end = self._buffer.find("\n")
        info = self._buffer[len(run) :] if line_end < 0 else self._buffer[len(run) : line_end]
        if run[0] == "`" and "`" in info:
            self._emit(self._take(len(run)))
            place.span = len(run)
            return True
        if line_end < 0 and not final:
            return False
        self._emit(self._take(len(self._buffer) if line_end < 0 else line_end + 1))
        place.fence = run
        return True

    def _in_fence(self, *, final: bool) -> bool:
        special = re.search(r"[\n<◁]", self._buffer)
        if special is None:
            self._emit(self._take(len(self._buffer)))
            return False
        at = special.start()
        ends = closes(self._place.fence, self._place.line + self._buffer[:at])
        if special.group() == "\n":
            self._emit(self._take(at + 1))
            if ends:
                self._place.leave()
            return True
        if ends or self._thinking:
            token = token_at(self._buffer, at, final=final)
            if token is None:
                self._emit(self._take(at))
                return False
            if token and (ends or token in THINK_END):
                self._emit(self._take(at))
                self._place.leave()
                return True
        self._emit(self._take(at + 1))
        return True

    def _quoted(self, *, final: bool) -> bool | None:
        """Say whether the buffer starts inside inline code, and emit it up to there; None if unknown yet."""
        place = self._place
        blank = _BLANK_LINE.search(self._buffer)
        for run in re.finditer("`+", self._buffer[: blank.start()] if blank else self._buffer):
            if len(run.group()) != place.span:
                continue
            if run.end() == len(self._buffer) and not final:
                return None
            if _breaks_off(self._buffer[: run.start()]):
                break
            self._emit(self._take(run.end()))
            place.span = 0
            return True
        else:
            if blank is None and not final:
                return None
        place.span = 0
        return False

    def _marker(self, token: str, at: int, *, final: bool) -> bool:
        if token == ARGUMENTS_BEGIN:
            at -= self._held(self._buffer[:at])
        if token in ROLES:
            return self._role(at, token, final=final)
        if token in {OPEN, CLOSE}:
            return self._tag(at, token, final=final)
        self._emit(self._take(at))
        if token in THINK_END:
            return self._think_end(token, final=final)
        if token in K2_TOKENS and token not in {*SECTION_END, CALL_END}:
            self._mode = "k2"
            self._section = False
            return True
        self._take(len(token))
        self._note("marker", token)
        return True

    def _role(self, at: int, token: str, *, final: bool) -> bool:
        self._emit(self._take(at))
        header = _ROLE.match(self._buffer)
        if (
            header is None
            and not final
            and re.fullmatch(r"<\|im_\w+\|>[^<]{0,40}(<[^>]{0,12})?", self._buffer)
        ):
            return False
        self._take(header.end() if header is not None else len(token))
        self._note("marker", token)
        return True

    def _think_end(self, token: str, *, final: bool) -> bool:
        after = self._buffer[len(token) : len(token) + 1]
        if not after and not final:
            return False
        if not self._thinking:
            before = self._place.line[-1:]
            if before and before in _MENTIONED_BEFORE and after not in {"", "\n", "\r"}:
                self._emit(self._take(len(token)))
                return True
            if self.unopened is None and not self._opened:
                self.unopened = self._length
        self._take(len(token))
        self._note("think_tag")
        self._thinking = False
        self._skip_space = True
        self._place = Place()
        return True

    def _k2(self, *, final: bool) -> bool:
        step = read_k2(self._buffer, section=self._section, final=final)
        if step is None:
            # Only the end of a token can bring an end.
            self._gate = ">" if ARGUMENTS_BEGIN in self._buffer else ""
            return False
        taken = self._take(step.length)
        if step.call is not None:
            self.calls.append(step.call)
            self._note("leaked_call", step.call.header)
        elif taken.strip() in SECTION_BEGIN:
            self._section = True
        self._emit(step.text)
        if not step.inside:
            self._mode = "text"
            self._section = False
        return True

    def _tag(self, at: int, token: str, *, final: bool) -> bool:
        self._emit(self._take(at))
        end = self._buffer.find(SEPARATOR)
        if end < 0:
            if final:
                self._note("partial_marker", self._buffer[:40])
                self._buffer = ""
            return False
        name, attributes = read_tag(self._buffer[len(token) : end])
        after = end + len(SEPARATOR)
        if token == OPEN and name == "call":
            return self._k3_call(attributes, after, final=final)
        self._take(after)
        self._note("marker", OPEN)
        if name == "think":
            self._thinking = token == OPEN
            self._opened = True
            self._place = Place()
        elif name == "tools":
            self._in_tools = token == OPEN
        return True

    def _k3_call(self, attributes: dict[str, str], after: int, *, final: bool) -> bool:
        found = read_k3_call(self._buffer, after, final=final)
        if found is None:
            self._gate = ">"
            return False
        arguments, end = found
        header = next((attributes[key] for key in ("tool", "name", "function") if key in attributes), "")
        self._take(end)
        self.calls.append(Leak(header, arguments))
        self._note("leaked_call", header)
        return True


def _breaks_off(quote: str) -> bool:
    """Whether a quotation would end inside a call's arguments: then its first backtick was a stray one."""
    before, begin, arguments = quote.rpartition(ARGUMENTS_BEGIN)
    del before
    arguments = arguments.strip()
    return bool(begin) and arguments.startswith("{") and CALL_END not in arguments and not is_whole(arguments)
