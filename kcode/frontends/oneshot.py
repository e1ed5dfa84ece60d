"""`kcode -p`: one prompt, one result, for scripts and pipes.

Nothing but the result goes to stdout; what a person may want to know goes to stderr.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from typing import TextIO

from kcode.app.conversation import Conversation
from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.frontends.shapes.lines import SessionLines, money
from kcode.frontends.shapes.output import Output, same_place, to_json
from kcode.frontends.shapes.result import exit_status, result_object
from kcode.frontends.shapes.stream import StreamLines, init_line
from kcode.frontends.shapes.tally import Tally
from kcode.process.title import set_title
from kcode.screen.printing import complain
from kcode.session.records import dump
from kcode.types.errors import ConfigError, ModelError, SessionError
from kcode.types.events import Event, Notice, Retrying, ToolStarted, TurnEnded
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.model import JsonObject
from kcode.types.questions import Question

USAGE = 2
TRANSIENT = 4
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def run(options: Options) -> int:
    """Answer one prompt; returns the exit status.

    0 done, 1 failed, 2 usage or settings, 3 a limit was reached, 4 the vendor failed in a way that may pass,
    128 + the signal's number if one ended it.
    """
    prompt = _with_stdin(options.prompt)
    if not prompt.strip():
        complain("kcode: nothing to do. Give a prompt: kcode -p 'question', or pipe it in.")
        return USAGE
    try:
        return asyncio.run(_Run(options).run(prompt))
    except (ConfigError, SessionError) as error:
        complain(f"kcode: {error}")
        return USAGE
    except ModelError as error:
        complain(f"kcode: {error}")
        return TRANSIENT if error.transient else 1


def _with_stdin(prompt: str) -> str:
    """Append what is piped in; a terminal is not read."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return prompt
    try:
        piped = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    except OSError:
        return prompt
    return f"{prompt}\n\n{piped}" if prompt and piped.strip() else prompt or piped


class _Run:
    """The front end of one run."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tally = Tally()
        self._out = Output(sys.stdout)
        self._lines = SessionLines(colour=_colours(sys.stderr)) if options.verbose else None
        self._stream: StreamLines | None = None
        self._kept: list[JsonObject] = []
        self._signal = 0
        self._titled = False

    async def run(self, prompt: str) -> int:
        conversation = await open_conversation(self._options, self)
        try:
            with self._signals(conversation):
                ended = await self._turn(conversation, prompt)
        finally:
            await conversation.close()
        return self._signal or exit_status(ended)

    async def on_event(self, event: Event) -> None:
        """Show what happened, in the format that was asked for."""
        self._tally.take(event)
        if isinstance(event, ToolStarted) and event.kind == "execute" and not self._titled:
            # From here on a `pkill python` of the agent must not end its own process.
            self._titled = set_title("kcode")
        if self._options.event_log:
            stamped = event if event.at else event.model_copy(update={"at": time.time()})
            self._out.write(dump(stamped).decode().rstrip("\n"))
            return
        if self._stream is not None:
            for line in self._stream.of(event):
                self._put(line)
        if self._lines is not None and self._options.output_format == "text":
            for text in self._lines.of(event):
                _show(text, end="")
        elif isinstance(event, Notice) and event.level != "info":
            complain(f"kcode: {event.text}")
        elif isinstance(event, Retrying):
            wait = f"in {event.delay:.1f} s" if event.delay >= 0.1 else "at once"
            complain(f"kcode: {event.message} Trying again {wait}.")

    async def decide(self, request: PermissionRequest) -> Decision:
        """Refuse: nobody is there to ask. The model reads why, and goes on."""
        reason = request.reason or f"{request.invocation.rule} needs the user's permission"
        words = (
            f"Not allowed: {reason}. Nobody can be asked in this run. Go on without it, and say in your answer "
            "what you could not do."
        )
        return Decision("reject_once", feedback=words, source="headless", reason=reason)

    async def ask(self, question: Question) -> str | None:
        """Nobody answers."""
        del question
        return None

    async def _turn(self, conversation: Conversation, prompt: str) -> TurnEnded:
        formats = self._options.output_format
        if formats == "stream-json" or (formats == "json" and self._options.verbose):
            self._stream = StreamLines(conversation.session_id, partial=self._options.partial_messages)
            self._put(init_line(conversation))
        answer = await conversation.command(prompt) if prompt.startswith("/") else None
        if answer is not None and not answer.prompt:
            self._tally.answer = "" if answer.is_error else answer.text
            reason = "error" if answer.is_error else "end_turn"
            ended = TurnEnded(stop_reason=reason, note=answer.text if answer.is_error else "")
        else:
            ended = await conversation.prompt(answer.prompt if answer else prompt)
        self._finish(conversation, ended)
        return ended

    def _finish(self, conversation: Conversation, ended: TurnEnded) -> None:
        if self._options.event_log:
            return
        if self._options.output_format == "text":
            self._finish_text(ended)
            return
        result = result_object(
            self._tally, ended, session_id=conversation.session_id, model=conversation.model
        )
        self._put(result, last=True)

    def _finish_text(self, ended: TurnEnded) -> None:
        # Where both streams end in one terminal or file, the answer already stands there.
        if self._tally.answer and not (self._lines and same_place(sys.stdout, sys.stderr)):
            self._out.write(self._tally.answer)
        if self._lines is None:
            if ended.note:
                complain(f"kcode: {ended.note}")
            return
        seconds = self._tally.duration_ms / 1000
        steps = f"{self._tally.steps} step{'s' if self._tally.steps != 1 else ''}"
        _show(f"{self._lines.end()}\n{steps}, {seconds:.1f} s, {money(self._tally.usage)}")

    def _put(self, line: JsonObject, *, last: bool = False) -> None:
        """Print one object, or keep it where a single array is wanted."""
        if self._options.output_format == "stream-json":
            self._out.write(to_json(line))
        elif self._options.verbose:
            self._kept.append(line)
            if last:
                self._out.write(to_json(self._kept))
        else:
            self._out.write(to_json(line))

    @contextlib.contextmanager
    def _signals(self, conversation: Conversation):  # noqa: ANN202 - a context manager
        loop = asyncio.get_running_loop()

        def stop(number: signal.Signals) -> None:
            self._signal = SIGNALS[number]
            conversation.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop, number)
        self._out.on_closed = conversation.cancel
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


def _colours(file: TextIO) -> bool:
    return file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _show(text: str, end: str = "\n") -> None:
    """Print a text that is safe already, and may be coloured."""
    with contextlib.suppress(OSError, UnicodeEncodeError):
        print(text, end=end, file=sys.stderr, flush=True)
