"""Code in a channel: fences and inline code, in which markup is only quoted."""

import re

from kcode.arguments import is_whole
from kcode.providers.repair_channel import Channel
from kcode.providers.repair_code import closes, may_open_fence
from kcode.providers.repair_tokens import ARGUMENTS_BEGIN, CALL_END, THINK_END, token_at

_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


class Quoting(Channel):
    """A channel that knows where code begins and ends."""

    def run_of(self, special: re.Match[str], *, final: bool) -> bool:
        """Let a run of backticks or tildes through, which may begin or end code; whether to read on."""
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

    def in_fence(self, *, final: bool) -> bool:
        """Let code in a fence through; whether to read on."""
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

    def quoted(self, *, final: bool) -> bool | None:
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


def _breaks_off(quote: str) -> bool:
    """Whether a quotation would end inside a call's arguments: then its first backtick was a stray one."""
    before, begin, arguments = quote.rpartition(ARGUMENTS_BEGIN)
    del before
    arguments = arguments.strip()
    return bool(begin) and arguments.startswith("{") and CALL_END not in arguments and not is_whole(arguments)
