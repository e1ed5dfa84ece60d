"""Telling words, thinking and leaked calls apart in text that may come in pieces."""

import re
from collections.abc import Collection

from kcode.providers.repair_channel import Shown
from kcode.providers.repair_code import Place
from kcode.providers.repair_k3 import read_k3_call, read_tag, tool_of
from kcode.providers.repair_quotes import Quoting
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
    THINK_BEGIN,
    THINK_END,
    Leak,
    is_partial,
    read_k2,
    token_at,
)

_SPECIAL = re.compile(r"`+|~+|[<◁]")
_EMPTY = "(Empty response: {"
"""With this a server replaces a response that had nothing but thinking."""
_ROLE = re.compile(r"<\|im_\w+\|>[^<]{0,40}<\|im_middle\|>")
_BEGUN = re.compile(r"<\|open\|>\s*(?:tools|call)\b")


class Scanner(Quoting):
    """Reads one channel of a response, content or reasoning, in pieces of any size.

    Markup outside code is taken out; inside fences and inline code it is text.

    Attributes:
        calls: the calls that leaked into it.
        unopened: where in the text thinking ended that was never opened; None if nowhere.
    """

    def __init__(self, offered: Collection[str] = (), *, asides: bool = False) -> None:
        """`asides` says whether thinking may come in the middle of words, in tags that are closed."""
        super().__init__(offered)
        self._offered = offered
        self._asides = asides
        self._closing = self._mentioned = False
        self._aside: _Aside | None = None
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
        if self._aside is not None:
            self._between(final=True)
        return self._run(final=True)

    def close_at_end(self) -> None:
        """Begin in the middle of thinking, and read no further than to its end."""
        self.thinking = self.skip_space = self._closing = True
        self._mode = "text"

    @property
    def over(self) -> bool:
        """Whether that end came; `buffer` is what follows it."""
        return self._mode == "over"

    def _run(self, *, final: bool) -> Shown:
        steps = {
            "start": self._start,
            "text": self._text,
            "k2": self._k2,
            "aside": self._between,
            "void": self._void,
            "over": self._stay,
        }
        while self.buffer and steps[self._mode](final=final):
            pass
        return self.shown()

    def _start(self, *, final: bool) -> bool:
        text = self.buffer.lstrip()
        for opening in THINK_BEGIN:
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
        if not final and any(opening.startswith(text) for opening in (*THINK_BEGIN, _EMPTY)):
            return False
        self._mode = "text"
        return True

    def _stay(self, *, final: bool) -> bool:
        del final
        return False

    def _void(self, *, final: bool) -> bool:
        del final
        self.buffer = ""
        return False

    def _text(self, *, final: bool) -> bool:
        if self.place.fence:
            return self.in_fence(final=final)
        special = _SPECIAL.search(self.buffer)
        if special is None:
            self.emit(self.take(len(self.buffer) - (0 if final else self.held(self.buffer))))
            return False
        if special.group()[0] in "`~":
            return self.run_of(special, final=final)
        at = special.start()
        token = token_at(self.buffer, at, final=final)
        if token is None:
            self.emit(self.take(at - self.held(self.buffer[:at])))
            return False
        if token == "":
            return self._no_token(at, final=final)
        if self.place.span:
            self.emit(self.take(at))
            quoted = self.quoted(final=final)
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

    def _marker(self, token: str, at: int, *, final: bool) -> bool:
        if token == ARGUMENTS_BEGIN:
            at -= self.held(self.buffer[:at])
        if token in ROLES:
            return self._role(at, token, final=final)
        if token in {OPEN, CLOSE}:
            return self._tag(at, token, final=final)
        self.emit(self.take(at))
        if token in THINK_BEGIN:
            return self._think_begin(token, final=final)
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
        spoken_of = self.place.mentions_end(after) and (self._closing or not self.thinking)
        if spoken_of or (self._mentioned and not self.thinking):
            self.emit(self.take(len(token)))
            return True
        if self._closing:
            self.take(len(token))
            self._mode = "over"
            return True
        if not self.thinking and self.unopened is None and not self._opened:
            self.unopened = self.length
        self.take(len(token))
        self.note("think_tag")
        self.thinking = False
        self.skip_space = True
        self.place = Place()
        return True

    def _think_begin(self, token: str, *, final: bool) -> bool:
        after = self.buffer[len(token) : len(token) + 1]
        if not after and not final:
            return False
        taken = self.take(len(token))
        if self.thinking or not self._asides or not after or self.place.mentions_opening(after):
            self._spoken_of(taken)
            return True
        self._aside = _Aside(taken, self._offered)
        self._mode = "aside"
        return True

    def _spoken_of(self, tag: str) -> None:
        """Let a tag through that opens nothing: then its end ends nothing either."""
        self.emit(tag)
        self._mentioned = self._mentioned or not self.thinking

    def _between(self, *, final: bool) -> bool:
        """Read thinking that came between words; without an end it is words, whatever it looked like."""
        aside = self._aside
        if aside is None:
            return False
        over = aside.read(self.take(len(self.buffer)), final=final)
        if not over and not final:
            return False
        self._aside, self._mode = None, "text"
        if over and aside.says_something:
            self.calls += aside.inner.calls
            self.promised = self.promised or aside.inner.promised
            for kind, detail in (("think_tag", ""), *aside.inner.mended):
                self.note(kind, detail)
            self.think("\n" + aside.thoughts)
            self.skip_space = not self.place.tail or self.place.tail[-1].isspace()
            self.buffer = aside.inner.buffer
        else:
            # What follows cannot have an end either, and is not to be read once more for each beginning.
            self._asides = False
            self._spoken_of(aside.tag)
            self.buffer = aside.text
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


class _Aside:
    """Thinking that came between words, as long as it may be that it never ends."""

    def __init__(self, tag: str, offered: Collection[str]) -> None:
        self.tag = tag
        self.inner = Scanner(offered)
        self.inner.close_at_end()
        self._pieces: list[str] = []
        self._thoughts: list[str] = []

    def read(self, piece: str, *, final: bool) -> bool:
        """Take in a piece; whether the end came."""
        self._pieces.append(piece)
        self._thoughts.append(self.inner.feed(piece).thinking)
        if final and not self.inner.over:
            self._thoughts.append(self.inner.finish().thinking)
        return self.inner.over

    @property
    def text(self) -> str:
        """What came behind the tag."""
        return "".join(self._pieces)

    @property
    def thoughts(self) -> str:
        """What was thought."""
        return "".join(self._thoughts)

    @property
    def says_something(self) -> bool:
        """Whether that is thinking, and not "..." in words about the tags."""
        thoughts = self.thoughts
        return bool(self.inner.calls) or not thoughts.strip() or any(c.isalnum() for c in thoughts)
