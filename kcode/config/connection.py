"""Which endpoint is asked, with which key and model. No network here.

A key goes only to the host that it belongs to: that of a known vendor never to another address.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import SplitResult, urlsplit, urlunsplit

from kcode.config.options import Options
from kcode.config.schema import Settings, nearest
from kcode.config.vendors import DEFAULT, VENDORS, Vendor, vendor_of
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError

_OWN_KEY = "KCODE_API_KEY"
_ENDINGS = ("/chat/completions", "/completions", "/responses", "/models")


class Keys(Protocol):
    """Where keys are stored, see `kcode.config.credentials`."""

    def get(self, vendor: str) -> str:
        """Return a vendor's key, "" if none is stored."""
        ...

    def place(self, vendor: str) -> str:
        """Say where it is stored, in words."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    base_url: str
    source: str
    key: str = ""
    vendor: str = ""
    key_source: str = ""


@dataclass(frozen=True, slots=True)
class Resolver:
    """Everything that a connection is made of.

    `run_helper` runs the settings' `apiKeyHelper` and returns what it printed; None where no program may be run.
    """

    options: Options
    settings: Settings
    environ: Mapping[str, str]
    credentials: Keys
    run_helper: Callable[[str], str] | None = None

    def resolve(self) -> Connection | None:
        """Return the endpoint to use, None if nothing names one or its key is missing.

        Raises:
            ConfigError: an address or a vendor's name cannot be used, or the key helper failed.
        """
        found = self._named()
        if found is None and not self.settings.vendor:
            # Another vendor's key is no answer where one was named.
            found = self._stored() or self._from_variables()
        if found is None:
            return None
        known = vendor_of(found.base_url)
        return Connection(
            base_url=found.base_url,
            api_key=found.key,
            model=self.options.model or self._get("KCODE_MODEL") or self.settings.model or "",
            source=found.source,
            vendor=found.vendor or (known.name if known else ""),
            window=self.settings.context_window,
            temperature=self.settings.temperature,
            effort=self.settings.effort_level or "",
            headers=dict(self.settings.headers) if self._takes_headers(found) else {},
            key_source=found.key_source if found.key else "",
        )

    def _get(self, name: str) -> str:
        return self.environ.get(name, "").strip()

    def _named(self) -> _Found | None:
        """What KCODE_BASE_URL, KCODE_API_KEY and the settings name."""
        key = self._get("KCODE_API_KEY")
        if url := self._get("KCODE_BASE_URL"):
            return self._with_key(
                _Found(clean_url(url, "KCODE_BASE_URL"), "KCODE_BASE_URL", key, "", _OWN_KEY)
            )
        if url := self.settings.base_url:
            address = clean_url(url, "baseUrl")
            return self._with_key(_Found(address, "the settings' baseUrl", key, "", _OWN_KEY))
        if name := self.settings.vendor:
            vendor = _vendor(name)
            if not key and name == "openai" and (own := self._openai()):
                return own
            found = self._with_key(
                _Found(vendor.base_url, f"the settings' vendor {name}", key, name, _OWN_KEY)
            )
            return found if found.key else None
        if key:
            return _Found(VENDORS[DEFAULT].base_url, "KCODE_API_KEY", key, DEFAULT, _OWN_KEY)
        if self.settings.api_key_helper:
            return self._with_key(
                _Found(VENDORS[DEFAULT].base_url, "the settings' apiKeyHelper", "", DEFAULT)
            )
        return None

    def _with_key(self, found: _Found) -> _Found:
        if found.key:
            return found
        if self.settings.api_key_helper and found.source != "KCODE_BASE_URL":
            return replace(found, key=self._helped(), key_source="the settings' apiKeyHelper")
        vendor = VENDORS[found.vendor] if found.vendor else vendor_of(found.base_url)
        if vendor is not None:
            key, source = self._vendor_key(vendor)
        else:
            key = self._get("OPENAI_API_KEY") if self._is_openai_address(found.base_url) else ""
            source = "OPENAI_API_KEY"
        return replace(found, key=key, key_source=source)

    def _helped(self) -> str:
        if self.run_helper is None:
            return ""
        key = self.run_helper(self.settings.api_key_helper or "").strip()
        if not key:
            raise ConfigError("apiKeyHelper printed no key. Run it by hand to see why.")
        return key

    def _vendor_key(self, vendor: Vendor) -> tuple[str, str]:
        """A vendor's key and where it came from; what was stored wins over variables."""
        if key := self.credentials.get(vendor.name):
            return key, self._place(vendor.name)
        if vendor.name == "openai" and not self._is_openai_address(vendor.base_url):
            # The key belongs to the address that OPENAI_BASE_URL names.
            return "", ""
        return next(((self._get(name), name) for name in vendor.variables if self._get(name)), ("", ""))

    def _stored(self) -> _Found | None:
        for vendor in VENDORS.values():
            if key := self.credentials.get(vendor.name):
                source = f"the stored key of {vendor.name}"
                return _Found(vendor.base_url, source, key, vendor.name, self._place(vendor.name))
        return None

    def _place(self, vendor: str) -> str:
        return f"the stored key of {vendor} in {self.credentials.place(vendor)}"

    def _from_variables(self) -> _Found | None:
        for vendor in VENDORS.values():
            if vendor.name == "openai":
                if found := self._openai():
                    return found
                continue
            key, source = self._vendor_key(vendor)
            if key:
                return _Found(vendor.base_url, source, key, vendor.name, source)
        return None

    def _openai(self) -> _Found | None:
        key = self._get("OPENAI_API_KEY")
        if url := self._get("OPENAI_BASE_URL"):
            return _Found(clean_url(url, "OPENAI_BASE_URL"), "OPENAI_BASE_URL", key, "", "OPENAI_API_KEY")
        if not key:
            return None
        return _Found(VENDORS["openai"].base_url, "OPENAI_API_KEY", key, "openai", "OPENAI_API_KEY")

    def _is_openai_address(self, base_url: str) -> bool:
        """Whether OPENAI_API_KEY belongs to this address."""
        named = self._get("OPENAI_BASE_URL")
        own = clean_url(named, "OPENAI_BASE_URL") if named else VENDORS["openai"].base_url
        return _origin(base_url) == _origin(own)

    def _takes_headers(self, found: _Found) -> bool:
        """Headers of the settings may carry a key: they go to the settings' own endpoint only."""
        return found.source.startswith("the settings'") or not (
            self.settings.base_url or self.settings.vendor
        )


def resolve(
    options: Options,
    settings: Settings,
    environ: Mapping[str, str],
    credentials: Keys,
    run_helper: Callable[[str], str] | None = None,
) -> Connection | None:
    """Return the endpoint to use, None if nothing names one; see `Resolver.resolve`.

    The order: KCODE_BASE_URL and KCODE_API_KEY; the settings; stored keys; MOONSHOT_API_KEY and KIMI_API_KEY;
    OPENAI_API_KEY with OPENAI_BASE_URL; OPENROUTER_API_KEY. The model: flag, KCODE_MODEL, settings.
    """
    return Resolver(options, settings, environ, credentials, run_helper).resolve()


def missing_text(settings: Settings) -> str:
    """Say in three lines what to set where nothing names an endpoint."""
    vendor = VENDORS.get(settings.vendor or DEFAULT, VENDORS[DEFAULT])
    return (
        f"No model is set up. For {vendor.label}: export {vendor.variables[0]}=<your key>\n"
        "For any other OpenAI-compatible server: export KCODE_BASE_URL=https://host/v1 KCODE_API_KEY=<key> "
        "KCODE_MODEL=<model>\n"
        "Or start `kcode` and choose one there; `kcode demo` shows everything without a key."
    )


def warnings(connection: Connection) -> tuple[str, ...]:
    """What is unsafe about a connection, in sentences."""
    url = urlsplit(connection.base_url)
    secret = connection.api_key or connection.headers
    if url.scheme == "http" and secret and not is_loopback(url.hostname or ""):
        where = f"The key goes to {url.hostname} over http, where everybody on the way can read it."
        return (f"{where} Use https, or a tunnel to 127.0.0.1.",)
    return ()


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def clean_url(text: str, name: str) -> str:
    """Return a base address ending with its version part; `name` says where it was written.

    Raises:
        ConfigError: it is no http address; the text says what is expected.
    """
    example = "Write it like https://host/v1."
    text = text.strip()
    if "://" not in text:
        host = text.split("/")[0].rsplit(":", 1)[0]
        text = f"{'http' if is_loopback(host) else 'https'}://{text}"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ConfigError(f"{name} is not an address: {error}. {example}") from error
    if url.scheme not in {"http", "https"} or not url.hostname or any(c.isspace() for c in text):
        raise ConfigError(f"{name} is not a web address. {example}")
    if url.username or url.password:
        raise ConfigError(
            f"{name} must not hold a name or a password. Give the key in KCODE_API_KEY. {example}"
        )
    path = url.path.rstrip("/")
    for ending in _ENDINGS:
        path = path.removesuffix(ending)
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    location = host if port is None else f"{host}:{port}"
    return urlunsplit(SplitResult(url.scheme, location, path or "/v1", "", ""))


def _vendor(name: str) -> Vendor:
    if name in VENDORS:
        return VENDORS[name]
    near = nearest(name, list(VENDORS))
    hint = f" Did you mean {near}?" if near else f" Known are: {', '.join(VENDORS)}."
    raise ConfigError(f"The vendor {name!r} in the settings is not known.{hint}")


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
