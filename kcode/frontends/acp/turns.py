"""What an editor's prompt sets off: the question of trust, a slash command or a turn, and how it ends."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence

from acp.exceptions import RequestError
from acp.schema import AgentMessageChunk, PromptResponse, TextContentBlock

from kcode.editing.encoding import readable
from kcode.engine.settle import uninterrupted
from kcode.frontends.acp import choices
from kcode.frontends.acp.blocks import Prompt
from kcode.frontends.acp.editor import EditorError
from kcode.frontends.acp.failures import INVALID_REQUEST, failed, told
from kcode.frontends.acp.session import Session
from kcode.frontends.acp.trusting import NO, YES, Trusting, question
from kcode.types.errors import KcodeError
from kcode.types.events import TurnEnded


class Turns:
    """The turns of one session, one at a time."""

    def __init__(self, session: Session, trusting: Trusting, notices: Sequence[str]) -> None:
        """`notices` are shown with the first prompt."""
        self.session = session
        self._trusting = trusting
        self._notices = list(notices)
        self._work: asyncio.Task[PromptResponse] | None = None

    async def prompt(self, prompt: Prompt) -> PromptResponse:
        """Do what a prompt asks.

        Raises:
            RequestError: the model failed, or a turn is running already.
        """
        if self._work is not None:
            raise RequestError(
                INVALID_REQUEST, "A turn is running in this session: wait for it, or cancel it."
            )
        self._work = asyncio.ensure_future(self._run(prompt))
        try:
            await asyncio.wait({self._work})
            if self._work.cancelled():
                return PromptResponse(stop_reason="cancelled")
            return self._work.result()
        except KcodeError as error:
            raise told(error) from error
        finally:
            self._work = None

    def cancel(self) -> None:
        """Stop what runs, if anything does."""
        if self._work is None:
            return
        if self.session.conversation.busy:
            self.session.conversation.cancel()
        else:
            self._work.cancel()

    async def close(self) -> None:
        """Stop what runs and close the conversation."""
        work = self._work
        if work is not None:
            self.cancel()
            await asyncio.wait({work}, timeout=10)
        await self.session.close()

    async def _run(self, prompt: Prompt) -> PromptResponse:
        session = self.session
        if not await self._settle_trust():
            return PromptResponse(stop_reason="cancelled")
        await session.settle_model()
        for notice in self._notices:
            await session.tell(*session.translator.notice(notice, "info"))
        self._notices.clear()
        text = prompt.text
        if prompt.command:
            answer = await self._command(prompt.command)
            if answer is None:
                return PromptResponse(stop_reason="end_turn")
            text = answer
        ended = await session.conversation.prompt(text, prompt.images)
        await session.settle_model()
        return _response(ended)

    async def _command(self, line: str) -> str | None:
        """Run a slash command; returns what is to be asked of the model, None where nothing is."""
        name = line.removeprefix("/").split(maxsplit=1)[0] if line != "/" else ""
        if name in choices.HIDDEN:
            await self._say(f"Use the editor for /{name}: it lists, opens and closes sessions.")
            return None
        result = await self.session.conversation.command(line)
        if result is None:
            return line
        if result.text:
            await self._say(result.text)
        return result.prompt or None

    async def _say(self, text: str) -> None:
        block = TextContentBlock(type="text", text=readable(text))
        chunk = AgentMessageChunk(
            session_update="agent_message_chunk", content=block, message_id=str(uuid.uuid4())
        )
        await self.session.tell(chunk)

    async def _settle_trust(self) -> bool:
        """Ask whether the folder's own settings count; False where the person cancelled."""
        session = self.session
        if session.trusted:
            return True
        # What changes while they are asked is asked about too.
        while (doubt := self._trusting.doubt(session.cwd)) and not self._trusting.settled(doubt):
            call, options = question(doubt, f"trust-{uuid.uuid4()}", session.spelling.shown(doubt.root))
            try:
                chosen = await session.asker.choose(call, options)
            except EditorError:
                return True
            if chosen not in {YES, NO}:
                return False
            problem = self._trusting.take(doubt, trusted=chosen == YES)
            if problem:
                await session.tell(*session.translator.notice(problem, "warning"))
            if chosen == YES and (accepted := self._trusting.accepted(session.cwd)) is not None:
                await uninterrupted(self._reopen(accepted))
                return True
        return True

    async def _reopen(self, accepted: Mapping[str, str]) -> None:
        """Let the folder's settings count; where they are broken, go on without them."""
        try:
            await self.session.reopen(accepted)
        except KcodeError as error:
            await self.session.tell(*self.session.translator.notice(str(error), "error"))
            await self.session.open(trusted=False)


def _response(ended: TurnEnded) -> PromptResponse:
    if ended.stop_reason == "error":
        raise failed(ended.error, ended.note)
    return PromptResponse(stop_reason=ended.stop_reason)
