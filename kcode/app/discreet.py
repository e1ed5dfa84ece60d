"""A front end that is never shown the key: whatever it draws, prints or sends on does not hold it."""

import dataclasses
from typing import Any, TypeAlias, TypeVar, cast

from pydantic import BaseModel

from kcode.screen.secrets import Pieces, Secrets
from kcode.types.events import Event, TextDelta, ThinkingDelta, ToolProgress
from kcode.types.frontend import Decision, Frontend, PermissionRequest
from kcode.types.questions import Question

_T = TypeVar("_T")
_Streamed: TypeAlias = TextDelta | ThinkingDelta | ToolProgress


class Discreet:
    """Implements `kcode.types.frontend.Frontend` in front of another one.

    A text that comes in pieces may be cut in the middle of a secret: what could be the beginning of one waits for the
    next piece of the same text.

    Args:
        frontend: who shows things.
        secrets: what it must not get.
    """

    def __init__(self, frontend: Frontend, secrets: Secrets) -> None:
        self._frontend = frontend
        self._secrets = secrets
        self._open: dict[tuple[str, ...], tuple[_Streamed, Pieces]] = {}

    async def on_event(self, event: Event) -> None:
        """Hand an event on."""
        if isinstance(event, TextDelta | ThinkingDelta | ToolProgress):
            await self._piece(event)
            return
        for key in [key for key in self._open if key[0] == event.agent]:
            last, pieces = self._open.pop(key)
            if rest := pieces.finish():
                await self._frontend.on_event(last.model_copy(update={"text": rest}))
        await self._frontend.on_event(_without(event, self._secrets))

    async def decide(self, request: PermissionRequest) -> Decision:
        """Ask whether a call may run."""
        return await self._frontend.decide(_without(request, self._secrets))

    async def ask(self, question: Question) -> str | None:
        """Ask a question."""
        return await self._frontend.ask(question)

    async def _piece(self, event: _Streamed) -> None:
        key = (event.agent, event.type, event.call_id if isinstance(event, ToolProgress) else "")
        if key not in self._open:
            self._open[key] = (event, Pieces(self._secrets))
        text = self._open[key][1].feed(event.text)
        if text == event.text:
            await self._frontend.on_event(event)
        elif text:
            await self._frontend.on_event(event.model_copy(update={"text": text}))


def _without(value: _T, secrets: Secrets) -> _T:
    return cast("_T", _hidden(value, secrets))


def _hidden(value: object, secrets: Secrets) -> object:
    """Return the value, or a copy without the secrets where it holds one."""
    match value:
        case str():
            return secrets.hide(value)
        case list() | tuple():
            items = cast("list[Any] | tuple[Any, ...]", value)
            new = [_hidden(item, secrets) for item in items]
            same = all(a is b for a, b in zip(new, items, strict=True))
            return items if same else type(items)(new)
        case dict():
            fields = cast("dict[Any, Any]", value)
            changed: dict[Any, Any] = {_hidden(k, secrets): _hidden(v, secrets) for k, v in fields.items()}
            return fields if changed == fields else changed
        case BaseModel():
            found = _changed(value, list(type(value).model_fields), secrets)
            return value.model_copy(update=found) if found else value
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            found = _changed(value, [f.name for f in dataclasses.fields(value) if f.init], secrets)
            return dataclasses.replace(value, **found) if found else value
        case _:
            return value


def _changed(value: object, names: list[str], secrets: Secrets) -> dict[str, Any]:
    old = {name: getattr(value, name) for name in names}
    new = {name: _hidden(item, secrets) for name, item in old.items()}
    return {name: item for name, item in new.items() if item is not old[name]}
