"""What to do when a server is out of reach."""

import re
from urllib.parse import urlsplit

from kcode.providers.errors import model_error
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError, ModelError

_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"certificate",
        "Its certificate is not trusted: behind a company's proxy, set SSL_CERT_FILE to its certificates.",
    ),
    (r"proxy|socks|\b407\b", "The proxy is in the way: check HTTPS_PROXY, ALL_PROXY and NO_PROXY."),
    (
        r"name or service|nodename|name resolution|getaddrinfo|no address",
        "The host's name is not known: check the base URL and the network.",
    ),
    (
        r"timed? ?out|timeout",
        "It did not accept the connection in time: check the network and the proxy settings.",
    ),
)


def is_loopback(base_url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(base_url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def unreachable(base_url: str, words: str) -> ModelError:
    """Say that a server could not be reached, and what to do about it.

    Args:
        base_url: where was asked.
        words: how the network or its library described the failure.
    """
    low = words.lower()
    words = words.removeprefix("ConnectError: ")
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, low)), "")
    if not hint and is_loopback(base_url):
        hint = "Is the server running?"
    return model_error(None, f"{base_url}: {words.rstrip('.')}. {hint}".strip())


def check(connection: Connection) -> None:
    """See that requests can be made with these settings at all.

    Raises:
        ConfigError: they cannot; the message says why and where the settings came from.
    """
    problem = _address_problem(connection.base_url)
    if not problem and not _is_sendable(connection.api_key.strip()):
        problem = "the API key has characters that no key has: was it copied whole, and without quotes?"
    odd = next((n for n, v in connection.headers.items() if not n.isascii() or not _is_sendable(v)), "")
    if not problem and odd:
        problem = f"the header {odd!r} cannot be sent: only plain ASCII text can"
    if problem:
        source = f" (from {connection.source})" if connection.source else ""
        raise ConfigError(f"The model cannot be asked with these settings{source}: {problem}.")


def _address_problem(base_url: str) -> str:
    example = "it looks like https://api.moonshot.ai/v1"
    try:
        url = urlsplit(base_url)
        whole = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        whole = False
    return "" if whole and not re.search(r"\s", base_url) else f"{base_url!r} is no base URL; {example}"


def _is_sendable(text: str) -> bool:
    return text.isascii() and (text.isprintable() or not text)
