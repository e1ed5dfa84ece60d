"""Opening models: with what was learnt of their endpoints, and with others to fall back to."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from kcode.app.profiles import Profiles
from kcode.config.connection import resolve
from kcode.config.credentials import Credentials, system_keyring
from kcode.config.home import Home
from kcode.config.options import Options
from kcode.config.schema import Settings
from kcode.config.vendors import VENDORS
from kcode.providers.connect import list_models, open_model
from kcode.providers.dialect import choose, target
from kcode.providers.fallback import FallbackModel
from kcode.providers.openai_chat import Hooks, OpenAIChat
from kcode.providers.profile import Profile
from kcode.providers.reading import Patience
from kcode.screen.secrets import Secrets
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError, ModelError
from kcode.types.model import JsonObject, Model, ModelInfo

LISTING_SECONDS = 5.0
"""How long a switch to another model waits for what the endpoint says of it."""


@dataclass(frozen=True, slots=True)
class Models:
    """Opens the models of one conversation.

    Attributes:
        connection: the endpoint.
        tell: informs the person, where another model is asked.
        secrets: gets the keys of every endpoint that is asked.
        offered: what the endpoint said of its models when it was asked.
        left_alone: by name, until when models that failed are not asked; one that the person names is.
    """

    connection: Connection
    options: Options
    settings: Settings
    home: Home
    environ: Mapping[str, str]
    tell: Callable[[str], Awaitable[None]]
    secrets: Secrets = field(default_factory=Secrets)
    offered: dict[str, ModelInfo] = field(default_factory=dict[str, ModelInfo])
    left_alone: dict[str, float] = field(default_factory=dict[str, float])

    async def list(self) -> Sequence[ModelInfo]:
        """The models of the endpoint; raises ModelError."""
        found = await list_models(self.connection, environ=self.environ)
        self.offered.update((info.id, info) for info in found)
        return found

    async def open(self, model: str, session: str, effort: str | None = None) -> Model:
        """Open a model of the endpoint, with the fall-backs that were named; "" for the newest one.

        `effort` is how much it is to think, in place of what the settings say.

        Raises:
            ConfigError: the settings cannot be used.
            ModelError: the endpoint was asked for its models and failed.
        """
        effort = self.connection.effort if effort is None else effort
        first = await self._plain(replace(self.connection, model=model, effort=effort), session)
        named = self.options.fallback_models
        others = self.settings.fallback_models if named is None else named
        names = [name for name in others if name != first.info.id]
        if not names:
            return first
        others = {name: partial(self._other, name, session, effort) for name in names}
        return FallbackModel(first, others, self.tell, until=self.left_alone)

    async def switch(self, model: str, session: str, effort: str, *, named: bool) -> Model:
        """Open another model in the middle of a conversation, with what the endpoint says of its window.

        One that the person `named` is asked, also where it failed a moment ago.

        Raises:
            ConfigError: the settings cannot be used.
            ModelError: the endpoint was asked for its models and failed.
        """
        if model not in self.offered and not self.connection.window:
            # An endpoint without a list, or one that is slow, is no reason not to switch.
            with contextlib.suppress(ModelError, TimeoutError):
                await asyncio.wait_for(self.list(), LISTING_SECONDS)
        if named:
            self.left_alone.pop(model, None)
        return await self.open(model, session, effort)

    def thinking(self, model: str, effort: str) -> JsonObject:
        """Return the fields by which a request of this endpoint asks for an effort; none where it takes none."""
        where = target(replace(self.connection, model=model, effort=effort))
        dialect = Profiles(self.home).of(self.connection.base_url, model).dialect(choose(where))
        return {name: value for name, value in dialect.fields(where).items() if name not in dialect.without}

    async def _other(self, name: str, session: str, effort: str) -> Model:
        """Open a model to fall back to: "model" of the same endpoint, or "vendor:model"."""
        vendor, colon, model = name.partition(":")
        if not colon or vendor not in VENDORS:
            return await self._plain(replace(self.connection, model=name, effort=effort), session)
        settings = self.settings.model_copy(
            update={"vendor": vendor, "base_url": None, "api_key_helper": None, "headers": {}, "model": None}
        )
        environ = {k: v for k, v in self.environ.items() if not k.startswith("KCODE_")}
        options = replace(self.options, model=model)
        found = resolve(options, settings, environ, Credentials(self.home, system_keyring()))
        if found is None:
            variable = VENDORS[vendor].variables[0]
            raise ConfigError(f"{name}: there is no key for {VENDORS[vendor].label}; set {variable}.")
        return await self._plain(replace(found, effort=effort), session)

    async def _plain(self, connection: Connection, session: str) -> OpenAIChat:
        self.secrets.add(connection.secrets)
        model = await open_model(
            connection, environ=self.environ, session=session, patience=patience_of(self.settings)
        )
        profiles = Profiles(self.home)
        listed = self.offered.get(model.info.id) if connection.base_url == self.connection.base_url else None
        if listed is not None:
            # What the endpoint itself says wins over the table, and settings over both.
            model.become(replace(listed, window=connection.window or listed.window))
            known = profiles.of(connection.base_url, listed.id)
            if known.window != listed.window:
                profiles.keep(connection.base_url, listed.id, replace(known, window=listed.window))
        remember(model, connection, profiles, self._dump)
        return model

    def _dump(self, body: bytes) -> str:
        """Keep a request that was refused for good, for whoever looks into it; only the person can read it."""
        if not self.home.writable or self.home.path is None or not self.options.persist:
            return ""
        path = self.home.path / "spill" / f"refused-{int(time.time())}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_bytes(self.secrets.hide_bytes(body))
        except OSError:
            return ""
        return str(path)


def patience_of(settings: Settings) -> Patience:
    """How long a server may say nothing."""
    retries = settings.retries
    return Patience(first=retries.first_event_seconds, between=retries.between_events_seconds)


def remember(
    model: OpenAIChat, connection: Connection, profiles: Profiles, dump: Callable[[bytes], str] | None = None
) -> None:
    """Let a model begin with what was learnt of it, and keep what it learns; settings win over a window."""
    profile = profiles.of(connection.base_url, model.info.id)
    model.recall(replace(profile, window=0) if connection.window else profile)

    def learnt(fields: JsonObject, window: int) -> None:
        named = profiles.of(connection.base_url, model.info.id)
        profiles.keep(
            connection.base_url,
            model.info.id,
            Profile(fields, named.window if connection.window else window or named.window),
        )

    model.hooks = Hooks(learnt, dump) if dump else Hooks(learnt)
