"""Telling words, thinking and leaked calls apart in text that may come in pieces."""

import re
from collections.abc import Collection

from kcode.arguments import is_whole
from kcode.providers.repair_channel import Channel, Shown
from kcode.providers.repair_code import Place, closes, may_open_fence
from kcode.providers.repair_k3 import read_k3_call, read_tag, tool_of
from kcode.providers.repair_tokens import (
    ARGUMENTS_BEGIN,
    CALL_END,
    CLOSE,
    CUT,
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
    token_at,
)

_SPECIAL = re.compile(r"`+|~+|[<◁]")
_THINK = ("<think>", "◁think▷")
_EMPTY = "(Empty response: {"
"""With this a server replaces a response that had nothing but thinking."""
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_ROLE = re.compile(r"<\|im_\w+\|>[^<]{0,40}<\|im_middle\|>")
_BEGUN = re.compile(r"<\|open\|>\s*(?:tools|call)\b")
_MENTIONED_BEFORE = " \t\"'("


class Scanner(Channel):
    """Reads one channel of a response, content or reasoning, in pieces of any size.

    Markup outside code is taken out; inside fences and inline code it is text.

    Attributes:
        calls: the calls that leaked into it.
        unopened: where in the text thinking ended that was never opened; None if nowhere.
    """

    def __init__(self, offered: Collection[str] = ()) -> None:
        super().__init__(offered)
        self.calls: list[Leak] = []
        self.unopened: int | None = None
        self._waiting: list[str] = []
        self._gate = ""
        self._mode = "start"
        self._opened = False
        self._section = False

    def feed(self, text: str) -> Shown:
        """Take in a piece; return what can no longer become markup."""
        if self._gate:
            self._waiting.append(text)
            if self._gate not in text:
                return Shown()
            text = "".join(self._waiting)
            if self._gate == ">" and "|>" not in self.buffer[-1:] + text:
                # Long arguments may be full of brackets that end no token.
                self._waiting[:] = [text]
                return Shown()
            self._waiting.clear()
            self._gate = ""
        self.buffer += text
        return self._run(final=False)

    def finish(self) -> Shown:
        """Return the rest, once nothing more will come."""
        self.buffer += "".join(self._waiting)
        self._waiting.clear()
        self._gate = ""
        return self._run(final=True)

    def _run(self, *, final: bool) -> Shown:
        steps = {"start": self._start, "text": self._text, "k2": self._k2, "void": self._void}
        while self.buffer and steps[self._mode](final=final):
            pass
        return self.shown()

    def _start(self, *, final: bool) -> bool:
        text = self.buffer.lstrip()
        for opening in _THINK:
            if text.startswith(opening):
                self.take(len(self.buffer) - len(text) + len(opening))
                self.thinking = self._opened = self.skip_space = True
                self.note("think_tag")
                self._mode = "text"
                return True
        if text.startswith(_EMPTY):
            self.note("empty_response")
            self._mode = "void"
            return True
        if not final and any(opening.startswith(text) for opening in (*_THINK, _EMPTY)):
            return False
        self._mode = "text"
        return True

    def _void(self, *, final: bool) -> bool:
        del final
        self.buffer = ""
        return False

    def _text(self, *, final: bool) -> bool:
        if self.place.fence:
            return self._in_fence(final=final)
        special = _SPECIAL.search(self.buffer)
        if special is None:
            self.emit(self.take(len(self.buffer) - (0 if final else self.held(self.buffer))))
            return False
        if special.group()[0] in "`~":
            return self._run_of(special, final=final)
        at = special.start()
        token = token_at(self.buffer, at, final=final)
        if token is None:
            self.emit(self.take(at - self.held(self.buffer[:at])))
            return False
        if token == "":
            return self._no_token(at, final=final)
        if self.place.span:
            self.emit(self.take(at))
            quoted = self._quoted(final=final)
            if quoted is None:
                self._gate = self._gate or "`"
                return False
            if quoted:
                return True
            at = 0
        return self._marker(token, at, final=final)

    def _no_token(self, at: int, *, final: bool) -> bool:
        rest = self.buffer[at:]
        if final and len(rest) > 2 and rest.startswith("<|") and is_partial(rest) and not self.place.span:
            self.emit(self.take(at))
            self.buffer = ""
            self.promised = self.promised or rest.startswith("<|tool_call")
            self.note("partial_marker", rest)
            return False
        self.emit(self.take(at + 1))
        return True

    def _run_of(self, special: re.Match[str], *, final: bool) -> bool:
        run = special.group()
        self.emit(self.take(special.start()))
        place = self.place
        grows = len(self.buffer) == len(run) and (run[0] == "`" or may_open_fence(place.line))
        if grows and not final:
            return False
        if place.span or (len(run) >= 3 and may_open_fence(place.line)):
            return self._inside_or_fence(run, final=final)
        if run[0] == "`":
            place.span = len(run)
        self.emit(self.take(len(run)))
        return True

    def _inside_or_fence(self, run: str, *, final: bool) -> bool:
        place = self.place
        if place.span:
            closing = run[0] == "`" and len(run) == place.span
            self.emit(self.take(len(run)))
            if closing:
                place.span = 0
            return True
        line_end = self.buffer.find("\n")
        info = self.buffer[len(run) :] if line_end < 0 else self.buffer[len(run) : line_end]
        if run[0] == "`" and "`" in info:
            self.emit(self.take(len(run)))
            place.span = len(run)
            return True
        if line_end < 0 and not final:
            return False
        self.emit(self.take(len(self.buffer) if line_end < 0 else line_end + 1))
        place.fence = run
        return True

    def _in_fence(self, *, final: bool) -> bool:
        special = re.search(r"[\n<◁]", self.buffer)
        if special is None:
            self.emit(self.take(len(self.buffer)))
            return False
        at = special.start()
        ends = closes(self.place.fence, self.place.line + self.buffer[:at])
        if special.group() == "\n":
            self.emit(self.take(at + 1))
            if ends:
                self.place.leave()
            return True
        if ends or self.thinking:
            token = token_at(self.buffer, at, final=final)
            if token is None:
                self.emit(self.take(at))
                return False
            if token and (ends or token in THINK_END):
                self.emit(self.take(at))
                self.place.leave()
                return True
        self.emit(self.take(at + 1))
        return True

    def _quoted(self, *, final: bool) -> bool | None:
        """Say whether the buffer starts inside inline code, and emit it up to there; None if unknown yet."""
        place = self.place
        blank = _BLANK_LINE.search(self.buffer)
        for run in re.finditer("`+", self.buffer[: blank.start()] if blank else self.buffer):
            if len(run.group()) != place.span:
                continue
            if run.end() == len(self.buffer) and not final:
                return None
            if _breaks_off(self.buffer[: run.start()]):
                break
            self.emit(self.take(run.end()))
            place.span = 0
            return True
        else:
            if blank is None and not final:
                return None
        place.span = 0
        return False

    def _marker(self, token: str, at: int, *, final: bool) -> bool:
        if token == ARGUMENTS_BEGIN:
            at -= self.held(self.buffer[:at])
        if token in ROLES:
            return self._role(at, token, final=final)
        if token in {OPEN, CLOSE}:
            return self._tag(at, token, final=final)
        self.emit(self.take(at))
        if token in THINK_END:
            return self._think_end(token, final=final)
        if token in K2_TOKENS and token not in {*SECTION_END, CALL_END}:
            self._mode = "k2"
            self._section = False
            return True
        self.take(len(token))
        self.note("marker", token)
        return True

    def _role(self, at: int, token: str, *, final: bool) -> bool:
        self.emit(self.take(at))
        header = _ROLE.match(self.buffer)
        if (
            header is None
            and not final
            and re.fullmatch(r"<\|im_\w+\|>[^<]{0,40}(<[^>]{0,12})?", self.buffer)
        ):
            return False
        self.take(header.end() if header is not None else len(token))
        self.note("marker", token)
        return True

    def _think_end(self, token: str, *, final: bool) -> bool:
        after = self.buffer[len(token) : len(token) + 1]
        if not after and not final:
            return False
        if not self.thinking:
            before = self.place.line[-1:]
            if before and before in _MENTIONED_BEFORE and after not in {"", "\n", "\r"}:
                self.emit(self.take(len(token)))
                return True
            if self.unopened is None and not self._opened:
                self.unopened = self.length
        self.take(len(token))
        self.note("think_tag")
        self.thinking = False
        self.skip_space = True
        self.place = Place()
        return True

    def _k2(self, *, final: bool) -> bool:
        step = read_k2(self.buffer, section=self._section, final=final)
        if step is None:
            # Only the end of a token can bring an end.
            self._gate = ">" if ARGUMENTS_BEGIN in self.buffer else ""
            return False
        taken = self.take(step.length)
        if step.call is not None:
            self.calls.append(step.call)
            self.note("leaked_call", step.call.header)
        elif taken.strip() in SECTION_BEGIN:
            self._section = self.promised = True
        self.emit(step.text)
        if not step.inside:
            self._mode = "text"
            self._section = False
        return True

    def _tag(self, at: int, token: str, *, final: bool) -> bool:
        self.emit(self.take(at))
        end = self.buffer.find(SEPARATOR)
        if end < 0:
            if final:
                self.promised = self.promised or bool(_BEGUN.match(self.buffer))
                self.note("partial_marker", self.buffer[:40])
                self.buffer = ""
            return False
        name, attributes = read_tag(self.buffer[len(token) : end])
        after = end + len(SEPARATOR)
        if token == OPEN and name == "call":
            return self._k3_call(attributes, after, final=final)
        self.take(after)
        self.note("marker", OPEN)
        if name == "think":
            self.thinking = token == OPEN
            self._opened = True
            self.place = Place()
        elif name == "tools":
            self.in_tools = token == OPEN
            self.promised = True
        return True

    def _k3_call(self, attributes: dict[str, str], after: int, *, final: bool) -> bool:
        found = read_k3_call(self.buffer, after, final=final)
        if found is None:
            self._gate = ">"
            return False
        header = tool_of(attributes)
        self.take(found.end)
        self.calls.append(Leak(header, found.arguments))
        self.calls += [Leak(other, CUT) for other in found.doubtful]
        self.note("leaked_call", header)
        return True


def _breaks_off(quote: str) -> bool:
    """Whether a quotation would end inside a call's arguments: then its first backtick was a stray one."""
    before, begin, arguments = quote.rpartition(ARGUMENTS_BEGIN)
    del before
    arguments = arguments.strip()
    return bool(begin) and arguments.startswith("{") and CALL_END not in arguments and not is_whole(arguments)
