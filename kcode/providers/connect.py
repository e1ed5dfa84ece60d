"""Opening a model. Nothing here loads the openai package; the first request does, or `preload` on a thread."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from kcode.providers import catalog
from kcode.providers.client import preload
from kcode.providers.dialect import Dialect
from kcode.providers.openai_chat import OpenAIChat
from kcode.providers.reach import check
from kcode.providers.reading import Patience
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError, ModelError
from kcode.types.model import ModelInfo

__all__ = ["list_models", "open_model", "preload"]

_SHOWN = 12
_LOCAL_SECONDS = 5.0
"""A server on this machine answers in milliseconds; the rest is for loading the client on a busy one."""


async def open_model(
    connection: Connection,
    *,
    environ: Mapping[str, str],
    session: str = "",
    dialect: Dialect | None = None,
    patience: Patience | None = None,
) -> OpenAIChat:
    """Open the model of a connection; nothing is sent, unless the model has to be chosen first.

    Without a model id the endpoint is asked for its models, over the connection that the requests use later; so
    is a server on this machine, whose window is in no table and costs nothing to ask for.

    Args:
        connection: where is asked, with which key.
        environ: the environment; proxies and certificates come from it.
        session: a name of the conversation for the prompt cache, where the endpoint wants one.
        dialect: how the endpoint is spoken to; None chooses by its address and the model.
        patience: how long to wait for what the server sends.

    Raises:
        ConfigError: the settings cannot be used, or no model is set and the endpoint offers none to choose.
        ModelError: no model is set and the endpoint could not be asked.
    """
    check(connection)
    info = _settled(connection, catalog.lookup(connection.model, connection.base_url))
    model = OpenAIChat(
        connection, info, dialect, session=session, patience=patience, ca_file=_ca_file(environ)
    )
    if connection.model and (connection.window or not _on_this_machine(connection)):
        return model
    try:
        if connection.model:
            model.become(_settled(connection, await _found(connection, model, info)))
        else:
            model.become(_settled(connection, _chosen(connection, await _offered(connection, model))))
    except BaseException:
        await model.close()
        raise
    return model


async def list_models(connection: Connection, *, environ: Mapping[str, str] | None = None) -> list[ModelInfo]:
    """Return what an endpoint offers, as GET /models says and the catalogue completes.

    Raises:
        ConfigError: the settings cannot be used.
        ModelError: there is no such list, or it cannot be had.
    """
    check(connection)
    model = OpenAIChat(connection, ModelInfo(connection.model), ca_file=_ca_file(environ or {}))
    try:
        return [catalog.listed(row, connection.base_url) for row in await model.models()]
    finally:
        await model.close()


def _on_this_machine(connection: Connection) -> bool:
    return (urlsplit(connection.base_url).hostname or "") in {"localhost", "127.0.0.1", "::1"}


async def _found(connection: Connection, model: OpenAIChat, known: ModelInfo) -> ModelInfo:
    """Return what a server says of the model that is set; what is known anyway where it says nothing."""
    try:
        rows = await asyncio.wait_for(model.models(), _LOCAL_SECONDS)
    except (ModelError, TimeoutError):
        return known
    row = next((row for row in rows if row.get("id") == connection.model), None)
    return catalog.listed(row, connection.base_url) if row else known


async def _offered(connection: Connection, model: OpenAIChat) -> list[ModelInfo]:
    try:
        return [catalog.listed(row, connection.base_url) for row in await model.models()]
    except ModelError as error:
        if error.kind != "not_found":
            raise
        raise ConfigError(
            f"No model is set, and {connection.base_url} does not say which it has. "
            "Name the one to use with --model or KCODE_MODEL; and see that the base URL is right."
        ) from error


def _settled(connection: Connection, info: ModelInfo) -> ModelInfo:
    """Let the settings win over what is known of a model."""
    if connection.vendor and not info.vendor:
        info = replace(info, vendor=connection.vendor)
    if connection.window is None:
        return info
    return replace(info, window=connection.window, max_output=min(info.max_output, connection.window // 2))


def _chosen(connection: Connection, offered: list[ModelInfo]) -> ModelInfo:
    found = catalog.newest(offered)
    if found is not None:
        return found
    if len(offered) == 1:
        return offered[0]
    names = ", ".join(sorted(m.id for m in offered)[:_SHOWN]) + (", ..." if len(offered) > _SHOWN else "")
    said = f"It offers {names}." if offered else "It offers no models at all."
    raise ConfigError(
        f"No model is set, and {connection.base_url} has none of the Kimi K3 family. {said} "
        "Name the one to use with --model or KCODE_MODEL."
    )


def _ca_file(environ: Mapping[str, str]) -> str:
    """Return the certificates that other programs are told to trust, where the usual variables name none."""
    if environ.get("SSL_CERT_FILE") or environ.get("SSL_CERT_DIR"):
        return ""
    return environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or ""
