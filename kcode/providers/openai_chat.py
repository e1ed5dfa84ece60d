"""Chat completions: the door to the openai package, which is loaded when a request is near.

The package brings the client, its pool and its errors. Bodies are ready bytes and responses are read as raw
bytes: its request transform costs time for every message of the history, its stream models for every chunk.
"""

import asyncio
import contextlib
import importlib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import kcode
from kcode.providers import catalog
from kcode.providers.adapt import adapt
from kcode.providers.dialect import Dialect, choose, target
from kcode.providers.encode import Encoder
from kcode.providers.errors import model_error
from kcode.providers.reach import is_loopback, unreachable
from kcode.providers.reading import Patience, Reading
from kcode.providers.reply import Reply
from kcode.types.connection import Connection
from kcode.types.errors import ModelError
from kcode.types.messages import AssistantMessage
from kcode.types.model import Delta, ModelInfo, OnDelta, Request

if TYPE_CHECKING:
    import httpx2
    import openai

_LESSONS = 4
"""How often a refused request is changed and sent once more."""

_EMPTIES = 2
"""How many empty responses in a row are failures."""

_LISTING = 30.0
"""Seconds for the list of models."""

_KEEP = 60.0
"""Seconds that an unused connection is kept: beyond that, servers and routers drop them silently."""

_OWN_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"}
)


def preload() -> None:
    """Load the openai package, which takes half a second: on a thread, while the person reads or types."""
    importlib.import_module("openai")
    with contextlib.suppress(ImportError):
        # Loaded by the first connection otherwise, while nothing else can happen.
        importlib.import_module("anyio._backends._asyncio")


class OpenAIChat:
    """A model behind an OpenAI-compatible endpoint."""

    def __init__(
        self,
        connection: Connection,
        info: ModelInfo,
        dialect: Dialect | None = None,
        *,
        session: str = "",
        patience: Patience | None = None,
        ca_file: str = "",
    ) -> None:
        """Send nothing yet.

        Args:
            connection: where is asked, with which key.
            info: what is known of the model.
            dialect: how the endpoint is spoken to; None chooses by its address and the model.
            session: a name of the conversation for the prompt cache, where the endpoint wants one.
            patience: how long to wait.
            ca_file: certificates to trust instead of the system's.
        """
        self._connection = connection
        self._info = info
        self._session = session
        self._patience = patience or Patience()
        self._ca_file = ca_file
        self._client: openai.AsyncOpenAI | None = None
        self._opening = asyncio.Lock()
        self._empties = 0
        self._use(dialect or choose(target(connection, info.id)))

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        return self._info

    @property
    def dialect(self) -> Dialect:
        """The dialect that is spoken, with what was learnt from refusals."""
        return self._dialect

    def become(self, info: ModelInfo) -> None:
        """Speak to another model of the same endpoint, over the same connection."""
        self._info = info
        self._use(choose(target(self._connection, info.id)))

    async def respond(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        """Return one response, having shown its pieces as they came.

        A field that the server refuses is left out or spelt otherwise, and not sent again.

        Raises:
            ModelError: the request failed; nothing of the response counts.
        """
        for _ in range(_LESSONS):
            try:
                return await self._ask(request, on_delta)
            except ModelError as error:
                changed = adapt(self._dialect, error)
                if changed is None:
                    raise
                self._use(changed)
        return await self._ask(request, on_delta)

    async def warm(self) -> None:
        """Get ready for the first request, without sending anything; the waiting is done on a thread."""
        await self._opened()

    async def models(self) -> Sequence[Mapping[str, Any]]:
        """Return the rows of GET /models.

        Raises:
            ModelError: there is no such list, or it cannot be had.
        """
        client = await self._opened()
        try:
            async with asyncio.timeout(_LISTING):
                found: object = await client.get("/models", cast_to=object)
        except Exception as error:
            raise self._translated(error) from error
        rows: object = cast("Mapping[str, Any]", found).get("data") if isinstance(found, dict) else found
        if not isinstance(rows, list):
            raise ModelError("The list of models has a form that is not known.", kind="not_found")
        return [cast("Mapping[str, Any]", r) for r in cast("list[object]", rows) if isinstance(r, dict)]

    async def close(self) -> None:
        """Release its connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _use(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._encoder = Encoder(self._info, dialect, target(self._connection, self._info.id), self._session)

    async def _ask(self, request: Request, on_delta: OnDelta) -> AssistantMessage:
        body = self._encoder.body(request)
        client = await self._opened()
        reply = Reply(request.tools, model=self._info.id)
        events = 0
        async with Reading(lambda: _post(client, body), self._patience) as reading:
            while data := await reading.take():
                for delta in _merged(reply.feed(data)):
                    await on_delta(delta)
                if reply.events != events:
                    events = reply.events
                    reading.heard()
                if reply.done:
                    break
        error = reading.error
        if error is not None and not reading.started:
            raise self._translated(error) from error
        try:
            message, rest = reply.finish(cut=error is not None)
        except ModelError as failed:
            excused = self._excused(failed)
            if excused is None:
                raise failed from error
            return excused
        self._empties = 0
        for delta in _merged(rest):
            await on_delta(delta)
        return self._priced(message)

    async def _opened(self) -> "openai.AsyncOpenAI":
        async with self._opening:
            if self._client is None:
                # Loading the package and the certificates takes long enough to be felt.
                self._client = await asyncio.to_thread(self._open)
            return self._client

    def _open(self) -> "openai.AsyncOpenAI":
        preload()
        import httpx2  # noqa: PLC0415 - see preload
        import openai  # noqa: PLC0415 - see preload

        connection = self._connection
        url = urlsplit(connection.base_url)
        host = url.hostname or ""
        timeout = httpx2.Timeout(None, connect=self._patience.connect)
        http = openai.DefaultAsyncHttpxClient(
            timeout=timeout,
            limits=httpx2.Limits(max_connections=64, keepalive_expiry=_KEEP),
            event_hooks={"request": [self._dress]},
            # A proxy cannot reach this machine.
            mounts={f"all://{f'[{host}]' if ':' in host else host}": None}
            if is_loopback(connection.base_url)
            else None,
            verify=self._certificates() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )
        return openai.AsyncOpenAI(
            api_key=connection.api_key or "none",
            base_url=connection.base_url,
            http_client=http,
            timeout=timeout,
            max_retries=0,
        )

    def _certificates(self) -> ssl.SSLContext | bool:
        """Return whom to trust; loading it takes 80 ms, which a plain address need not pay."""
        return ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True

    async def _dress(self, request: "httpx2.Request") -> None:
        """Send our own headers and the connection's, and nothing that names the machine or another account.

        A redirect to elsewhere gets neither the key nor the connection's headers.
        """
        connection = self._connection
        for name in [n for n in request.headers if n.lower() not in _OWN_HEADERS]:
            del request.headers[name]
        request.headers["user-agent"] = f"kcode/{kcode.__version__}"
        home, there = urlsplit(connection.base_url), urlsplit(str(request.url))
        if (home.scheme, home.netloc) != (there.scheme, there.netloc):
            return
        if connection.api_key:
            request.headers["authorization"] = f"Bearer {connection.api_key.strip()}"
        request.headers.update(connection.headers)

    def _translated(self, error: Exception) -> Exception:
        """Say what a failure of the client means; what is no failure of the network stays as it is."""
        import httpx2  # noqa: PLC0415 - see preload
        import openai  # noqa: PLC0415 - see preload

        if isinstance(error, openai.APIStatusError):
            response = error.response
            return model_error(
                response.status_code, response.text, response.headers, connection=self._connection
            )
        if not isinstance(error, (openai.OpenAIError, httpx2.HTTPError, OSError)):
            return error
        cause = error.__cause__ or error
        return unreachable(self._connection.base_url, f"{type(cause).__name__}: {cause}".rstrip(": "))

    def _excused(self, error: ModelError) -> AssistantMessage | None:
        """Take an empty response for what it is, once asking again has not helped; None for a failure."""
        if error.kind != "empty" or self._empties < _EMPTIES:
            self._empties += error.kind == "empty"
            return None
        self._empties = 0
        return AssistantMessage(parts=(), model=self._info.id)

    def _priced(self, message: AssistantMessage) -> AssistantMessage:
        usage = message.usage
        cost = None if usage.estimated else catalog.cost(usage, self._info.price)
        return message.model_copy(update={"usage": usage.model_copy(update={"cost": cost})})


async def _post(client: "openai.AsyncOpenAI", body: bytes) -> "httpx2.Response":
    import openai  # noqa: PLC0415 - see preload

    stream = await client.post(
        "/chat/completions",
        cast_to=object,
        content=body,
        options={"headers": {"Content-Type": "application/json"}},
        stream=True,
        stream_cls=openai.AsyncStream[object],
    )
    return stream.response


def _merged(deltas: Sequence[Delta]) -> Iterator[Delta]:
    """Join what came together, as long as showing thinking, text and call in this order keeps the order."""
    thinking: list[str] = []
    text: list[str] = []
    for delta in deltas:
        if delta.thinking and text:
            yield Delta("".join(text), "".join(thinking))
            thinking, text = [], []
        if delta.thinking:
            thinking.append(delta.thinking)
        if delta.text:
            text.append(delta.text)
        if delta.call:
            yield Delta("".join(text), "".join(thinking), delta.call)
            thinking, text = [], []
    if thinking or text:
        yield Delta("".join(text), "".join(thinking))
