"""`kcode -p --input-format stream-json`: a conversation over stdin and stdout, one JSON object a line.

Speaks the control protocol that programs built for Claude Code use: user messages in, events and a result for each
out; `initialize`, `interrupt`, `set_permission_mode`, `set_model` and `get_context_usage` as control requests; and,
with `--permission-prompt-tool stdio`, permission questions to the host as `can_use_tool`.
"""

import asyncio
import contextlib
import json
import sys
from collections import deque
from collections.abc import Mapping
from typing import Any, cast
from uuid import uuid4

from kcode import __version__
from kcode.app.conversation import Conversation
from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.frontends.shapes.output import Output, to_json
from kcode.frontends.shapes.result import result_object
from kcode.frontends.shapes.stream import StreamLines, init_line
from kcode.frontends.shapes.tally import Tally
from kcode.screen.printing import complain
from kcode.types.errors import ConfigError, KcodeError, SessionError
from kcode.types.events import Event, Mode, TurnEnded
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.messages import ImagePart
from kcode.types.model import JsonObject
from kcode.types.questions import Question

USAGE = 2
LONGEST = 64 * 1024 * 1024
"""Bytes of one line."""


def run(options: Options) -> int:
    """Serve until stdin ends; returns 0, or 2 where the conversation could not be opened."""
    try:
        return asyncio.run(_Host(options).run())
    except (ConfigError, SessionError) as error:
        complain(f"kcode: {error}")
        return USAGE
    except KcodeError as error:
        complain(f"kcode: {error}")
        return 1


class _Host:
    """The program at the other end, as a front end."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._out = Output(sys.stdout)
        self._stream: StreamLines | None = None
        self._tally = Tally()
        self._prompts: deque[tuple[str, list[ImagePart]]] = deque()
        self._more = asyncio.Event()
        self._ended = False
        self._asked: dict[str, asyncio.Future[Mapping[str, Any]]] = {}

    async def run(self) -> int:
        conversation = await open_conversation(self._options, self)
        self._stream = StreamLines(conversation.session_id, partial=self._options.partial_messages)
        self._out.on_closed = conversation.cancel
        reading = asyncio.create_task(self._read(conversation))
        try:
            while await self._next():
                await self._turn(conversation, *self._prompts.popleft())
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            await conversation.close()
        return 0

    async def on_event(self, event: Event) -> None:
        """Write the lines of an event."""
        self._tally.take(event)
        if self._stream is not None:
            for line in self._stream.of(event):
                self._put(line)

    async def decide(self, request: PermissionRequest) -> Decision:
        """Ask the host, if it said that it answers; refuse otherwise."""
        if not self._options.host_decides:
            reason = request.reason or f"{request.invocation.rule} needs permission"
            words = f"Not allowed: {reason}. Nobody can be asked in this run. Go on without it."
            return Decision("reject_once", feedback=words, source="headless", reason=reason)
        answer = await self._question(request)
        if answer.get("behavior") == "allow":
            return Decision("allow_once", source="user")
        if answer.get("interrupt"):
            return Decision("cancelled", feedback=str(answer.get("message", "")))
        return Decision("reject_once", feedback=str(answer.get("message", "")), source="user")

    async def ask(self, question: Question) -> str | None:
        """The protocol has no such question."""
        del question
        return None

    async def _question(self, request: PermissionRequest) -> Mapping[str, Any]:
        name = str(uuid4())
        future: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[name] = future
        body: JsonObject = {
            "subtype": "can_use_tool",
            "tool_name": request.tool,
            "input": request.arguments,
            "permission_suggestions": [_suggestion(rule) for rule in request.suggestions],
            "decision_reason": request.reason,
            "tool_use_id": request.call_id,
        }
        self._put({"type": "control_request", "request_id": name, "request": body})
        try:
            return await future
        except asyncio.CancelledError:
            # Whoever is being asked there need not answer any more.
            self._put({"type": "control_cancel_request", "request_id": name})
            raise
        finally:
            del self._asked[name]

    async def _next(self) -> bool:
        """Wait for a prompt; False once there are none and stdin has ended."""
        while not self._prompts:
            if self._ended:
                return False
            self._more.clear()
            await self._more.wait()
        return True

    async def _turn(self, conversation: Conversation, text: str, images: list[ImagePart]) -> None:
        self._tally = Tally()
        self._put(init_line(conversation))
        command = await conversation.command(text) if text.startswith("/") else None
        if command is not None and not command.prompt:
            self._tally.answer = command.text
            self._put(_synthetic(command.text, conversation.session_id))
            reason = "error" if command.is_error else "end_turn"
            ended = TurnEnded(stop_reason=reason, note=command.text if command.is_error else "")
        else:
            ended = await conversation.prompt(command.prompt if command else text, images)
        self._put(
            result_object(self._tally, ended, session_id=conversation.session_id, model=conversation.model)
        )

    async def _read(self, conversation: Conversation) -> None:
        reader = await _stdin()
        while line := await _line(reader):
            try:
                message: object = json.loads(line)
            except ValueError as error:
                complain(f"kcode: a line on stdin is not JSON: {error}")
                continue
            if isinstance(message, dict):
                await self._take(conversation, cast("dict[str, Any]", message))
        self._ended = True
        for future in self._asked.values():
            if not future.done():
                future.set_result({"behavior": "deny", "message": "The host has gone."})
        self._more.set()

    async def _take(self, conversation: Conversation, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "user":
                text, images = _content(message.get("message"))
                if self._options.replay_user_messages:
                    self._put({**message, "session_id": conversation.session_id, "isReplay": True})
                self._prompts.append((text, images))
                self._more.set()
            case "control_request":
                await self._control(conversation, message)
            case "control_response":
                response: dict[str, Any] = message.get("response") or {}
                future = self._asked.get(str(response.get("request_id")))
                if future is not None and not future.done():
                    future.set_result(response.get("response") or {"behavior": "deny"})
            case _:
                pass

    async def _control(self, conversation: Conversation, message: dict[str, Any]) -> None:
        name = str(message.get("request_id", ""))
        request: dict[str, Any] = message.get("request") or {}
        try:
            answer = await self._answer(conversation, request)
        except KcodeError as error:
            self._refuse(name, str(error), "failed")
            return
        if answer is None:
            words = f"Unsupported control request subtype: {request.get('subtype')}"
            self._refuse(name, words, "unsupported_request")
            return
        response: JsonObject = {"subtype": "success", "request_id": name, "response": answer}
        self._put({"type": "control_response", "response": response})

    async def _answer(self, conversation: Conversation, request: dict[str, Any]) -> JsonObject | None:
        match request.get("subtype"):
            case "initialize":
                commands = [{"name": c.name, "description": c.description} for c in conversation.commands()]
                return {
                    "commands": cast("Any", commands),
                    "agents": [],
                    "output_style": "default",
                    "models": [{"value": conversation.model.id, "displayName": conversation.model.id}],
                    "kcode_version": __version__,
                }
            case "interrupt":
                self._prompts.clear()
                conversation.cancel()
                return {"still_queued": []}
            case "set_permission_mode":
                await conversation.set_mode(cast("Mode", request.get("mode", "default")))
                return {"mode": conversation.mode}
            case "set_model":
                info = await conversation.set_model(str(request.get("model") or conversation.model.id))
                return {"model": info.id}
            case "get_context_usage":
                return conversation.context_report()
            case _:
                return None

    def _refuse(self, name: str, words: str, code: str) -> None:
        response: JsonObject = {"subtype": "error", "request_id": name, "error": words, "error_code": code}
        self._put({"type": "control_response", "response": response})

    def _put(self, line: JsonObject) -> None:
        self._out.write(to_json(line))


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LONGEST)
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    except ValueError:
        # A regular file cannot be watched; it is all there already.
        reader.feed_data(await asyncio.to_thread(sys.stdin.buffer.read))
        reader.feed_eof()
    return reader


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        complain(f"kcode: a line on stdin is longer than {LONGEST:,} bytes; reading ends here.")
        return b""


def _content(message: object) -> tuple[str, list[ImagePart]]:
    """Take the words and pictures out of a user message; content is a text or a list of blocks."""
    content: object = cast("dict[str, Any]", message).get("content") if isinstance(message, dict) else ""
    if isinstance(content, str):
        return content, []
    words: list[str] = []
    images: list[ImagePart] = []
    for block in cast("list[Any]", content) if isinstance(content, list) else []:
        if not isinstance(block, dict):
            continue
        fields = cast("dict[str, Any]", block)
        if fields.get("type") == "text":
            words.append(str(fields.get("text", "")))
        elif fields.get("type") == "image":
            source: dict[str, Any] = fields.get("source") or {}
            if source.get("type") == "base64":
                images.append(ImagePart(media_type=str(source["media_type"]), data=str(source["data"])))
    return "\n".join(words), images


def _suggestion(rule: str) -> JsonObject:
    tool, _, rest = rule.partition("(")
    content = rest.removesuffix(")")
    return {
        "type": "addRules",
        "rules": [{"toolName": tool, "ruleContent": content} if content else {"toolName": tool}],
        "behavior": "allow",
        "destination": "session",
    }


def _synthetic(text: str, session_id: str) -> JsonObject:
    body: JsonObject = {
        "role": "assistant",
        "model": "<synthetic>",
        "content": [{"type": "text", "text": text}],
    }
    return {
        "type": "assistant",
        "message": body,
        "parent_tool_use_id": None,
        "session_id": session_id,
        "uuid": str(uuid4()),
    }
