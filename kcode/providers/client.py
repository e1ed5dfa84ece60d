"""The HTTP client of one endpoint: the openai package's, opened when a request is near."""

import asyncio
import contextlib
import importlib
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import kcode
from kcode.providers.errors import model_error
from kcode.providers.reach import is_loopback, unreachable
from kcode.screen.redact import redact
from kcode.types.connection import Connection
from kcode.types.errors import ModelError

if TYPE_CHECKING:
    import httpx2
    import openai

_KEEP = 60.0
"""Seconds that an unused connection is kept: beyond that, servers and routers drop them silently."""

_LIST = 8 << 20
"""Bytes of a list of models; what comes after them is not read."""
_REFUSAL = 64 << 10
"""Bytes of a refusal, as above."""
_STREAMED = "/chat/completions"
_OWN_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"}
)


def preload() -> None:
    """Load the openai package, which takes half a second: on a thread, while the person reads or types."""
    importlib.import_module("openai")
    with contextlib.suppress(ImportError):
        # Loaded by the first connection otherwise, while nothing else can happen.
        importlib.import_module("anyio._backends._asyncio")


class Client:
    """Opens a pool of connections when it is first needed."""

    def __init__(self, connection: Connection, *, connect: float, ca_file: str = "") -> None:
        """`connect`: seconds to wait for a connection; `ca_file`: certificates to trust instead of the system's."""
        self._connection = connection
        self._connect = connect
        self._ca_file = ca_file
        self._client: openai.AsyncOpenAI | None = None
        self._opening = asyncio.Lock()

    async def opened(self) -> "openai.AsyncOpenAI":
        """Return the client; loading the package and the certificates is done on a thread."""
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(self._open)
            return self._client

    async def post(self, body: bytes) -> "httpx2.Response":
        """Send a request for a completion and return its response, the body not yet read."""
        import openai

        stream = await (await self.opened()).post(
            _STREAMED,
            cast_to=object,
            content=body,
            options={"headers": {"Content-Type": "application/json"}},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )
        return stream.response

    async def close(self) -> None:
        """Release the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def translated(self, error: Exception) -> Exception:
        """Say what a failure of the client means; what is no failure of the network stays as it is."""
        import httpx2  # noqa: PLC0415 - see preload
        import openai

        if isinstance(error, openai.APIStatusError):
            response = error.response
            # Servers quote the key that they refuse.
            body = redact(response.text, self._connection.secrets)
            return model_error(response.status_code, body, response.headers, connection=self._connection)
        if not isinstance(error, (openai.OpenAIError, httpx2.HTTPError, OSError)):
            return error
        cause = error.__cause__ or error
        words = redact(f"{type(cause).__name__}: {cause}", self._connection.secrets)
        return unreachable(self._connection.base_url, words.rstrip(": "))

    def hush(self, error: ModelError) -> None:
        """Take secrets out of an error's words, also where the server quoted one in the middle of a stream."""
        error.args = (redact(str(error), self._connection.secrets),)

    def _open(self) -> "openai.AsyncOpenAI":
        preload()
        import httpx2  # noqa: PLC0415 - see preload
        import openai

        connection = self._connection
        url = urlsplit(connection.base_url)
        host = url.hostname or ""
        timeout = httpx2.Timeout(None, connect=self._connect)
        http = openai.DefaultAsyncHttpxClient(
            timeout=timeout,
            limits=httpx2.Limits(max_connections=64, keepalive_expiry=_KEEP),
            event_hooks={"request": [self._dress], "response": [_bound]},
            # A proxy cannot reach this machine.
            mounts={f"all://{f'[{host}]' if ':' in host else host}": None}
            if is_loopback(connection.base_url)
            else None,
            verify=self._certificates() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )
        client = openai.AsyncOpenAI(
            api_key=connection.api_key or "none",
            base_url=connection.base_url,
            http_client=http,
            timeout=timeout,
            max_retries=0,
        )
        # It would run `uname` off the PATH to name the machine in headers that are not sent anyway.
        setattr(client, "_platform", "Unknown")  # noqa: B010 - there is no public way
        return client

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


async def _bound(response: "httpx2.Response") -> None:
    """Read what is not streamed up to a limit: a few kilobytes can unpack to gigabytes."""
    if response.status_code < 300 and response.request.url.path.endswith(_STREAMED):
        return
    most = _LIST if response.is_success else _REFUSAL
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > most:
            break
    await response.aclose()
    response._content = bytes(content[:most])  # noqa: SLF001 - the library reads everything or nothing  # pyright: ignore[reportPrivateUsage]
