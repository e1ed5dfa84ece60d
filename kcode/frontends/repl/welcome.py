"""What is settled before a conversation opens: whether the folder is trusted, and which model is asked."""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from kcode.config.connection import clean_url
from kcode.config.credentials import Credentials
from kcode.config.home import Home, find_home
from kcode.config.items import Item
from kcode.config.layers import project_root
from kcode.config.options import Options
from kcode.config.trust import Standing, Trust
from kcode.config.vendors import VENDORS
from kcode.config.writer import set_value
from kcode.frontends.repl.forms import Asker, Choice, Form
from kcode.frontends.repl.render.canvas import one_line, safe
from kcode.screen.sanitise import reveal
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError, KcodeError, ModelError
from kcode.types.model import ModelInfo

if TYPE_CHECKING:
    from kcode.providers.local_servers import LocalServer

ListModels: TypeAlias = Callable[[Connection], Awaitable[Sequence[ModelInfo]]]
FindServers: TypeAlias = Callable[[], Awaitable[Sequence[tuple[str, str]]]]
"""Looks for servers on this machine: their names and addresses."""
Look: TypeAlias = Callable[[], Awaitable[Sequence["LocalServer"]]]
Note: TypeAlias = Callable[[str], None]
_WINNING = ("KCODE_BASE_URL", "KCODE_VENDOR", "KCODE_MODEL")
"""Variables that win over what is kept."""
FITS = 16
"""Lines about a folder's files that stand in the question itself; more of them stand above it."""
LONGEST = 4000
"""Characters of one thing that a file would do."""


class Welcome:
    """Asks what has to be asked once."""

    def __init__(
        self,
        asker: Asker,
        note: Note,
        *,
        home: Home | None = None,
        models: ListModels | None = None,
        servers: FindServers | None = None,
    ) -> None:
        self._asker = asker
        self._note = note
        self._home = home or find_home(os.environ)
        self._models = models or _list_models
        self._servers = servers or find_servers

    async def trust(self, options: Options) -> Options:
        """Ask whether the folder's own settings count, unless that is known; returns the options to go on with."""
        if options.trust:
            return options
        root = project_root(options.cwd, self._home)
        trust = Trust(self._home)
        shown: Sequence[Item] = ()
        while (standing := trust.standing(root, options.cwd)).changed:
            if shown:
                self._note("The folder's files changed while you were asked.")
            shown = standing.changed
            if not await self._trusts(root, standing):
                self._note("The folder's own settings and instructions are left out.")
                return options
            try:
                trust.accept(root, standing.items)
            except ConfigError as error:
                self._note(str(error))
        return replace(options, accepted=standing.hashes) if shown else options

    async def _trusts(self, root: Path, standing: Standing) -> bool:
        """Ask about what is new or changed in a folder."""
        again = " It has changed since you trusted it." if standing.known else ""
        listed = _listed(standing.changed)
        if len(listed) > FITS or any(len(line) > 200 for line in listed):
            # Nothing that would run may be out of sight: above the question there is room for all of it.
            self._note("\n".join(listed))
            listed = [f"What they would change here stands above: {len(standing.changed)} files."]
        form = Form(
            title=f"Do you trust the files in {one_line(str(root))}?",
            body="\n".join([*listed, "", f"Trust only what you have looked at yourself, or wrote.{again}"]),
            choices=(Choice("Yes, use them"), Choice("No, work without them")),
        )
        answer = await self._asker.ask(form)
        return answer is not None and answer.picks == (0,)

    async def after(self, error: KcodeError) -> bool:
        """Ask what to do where kcode cannot start; whether to try again, with another server perhaps."""
        choices = [Choice("Try again"), Choice("Leave")]
        if isinstance(error, ModelError):
            choices.insert(1, Choice("Choose another server"))
        while True:
            answer = await self._asker.ask(Form("kcode cannot start", tuple(choices), body=safe(str(error))))
            if answer is None or choices[answer.picks[0]].label == "Leave":
                return False
            if answer.picks == (0,) or await self.set_up(again=True):
                return True

    async def set_up(self, *, again: bool = False) -> bool:
        """Ask for a model to work with; False if the person gives up.

        `again` says that one is set up and cannot be had: it stays set up until the new one has answered.
        """
        while True:
            place = await self._place(again=again)
            if place is None:
                return False
            vendor, address = place
            key = await self._key(vendor)
            if key is None:
                continue
            connection = Connection(address, key, vendor=vendor)
            model, answered = await self._model(connection)
            if model:
                self._keep(connection, model, store=answered or not again)
                return True

    async def _place(self, *, again: bool) -> tuple[str, str] | None:
        """Ask for a vendor; returns its name, "" for another server, and its address."""
        vendors = list(VENDORS.values())
        found = await self._servers()
        own = Choice("Another OpenAI-compatible server", words="Its address, like http://127.0.0.1:8000/v1:")
        form = Form(
            "Which server has the model you want to work with?",
            (
                *(Choice(f"{one_line(name, 40)}, which runs on this machine", url) for name, url in found),
                *(Choice(v.label) for v in vendors),
                own,
            ),
            body="What was set up stays until the other one answers."
            if again
            else "Nothing is set up yet. This is asked once.",
        )
        while True:
            answer = await self._asker.ask(form)
            if answer is None:
                return None
            pick = answer.picks[0]
            if pick < len(found):
                return "", found[pick][1]
            if pick < len(found) + len(vendors):
                vendor = vendors[pick - len(found)]
                return vendor.name, vendor.base_url
            try:
                return "", clean_url(answer.words, "The address")
            except ConfigError as error:
                self._note(str(error))

    async def _key(self, vendor: str) -> str | None:
        """Ask for a key, which is not shown; "" where the server wants none, None to choose again."""
        if not vendor:
            form = Form("Does the server want a key?", (Choice("No"), Choice("Yes")))
            answer = await self._asker.ask(form)
            if answer is None or answer.picks == (0,):
                return None if answer is None else ""
        label = VENDORS[vendor].label if vendor else "the server"
        answer = await self._asker.ask(Form(f"API key of {label}", line="Key (not shown):", hidden=True))
        return answer.words if answer else None

    async def _model(self, connection: Connection) -> tuple[str, bool]:
        """Ask for one of the models that the server offers, "" to choose another server; and whether it answered."""
        self._note("Asking for the list of models.")
        offered: Sequence[ModelInfo] = ()
        try:
            offered = await self._models(connection)
        except KcodeError as error:
            self._note(safe(str(error)))
            form = Form(
                "The list of models cannot be had.", (Choice("Choose again"), Choice("Type a model's name"))
            )
            answer = await self._asker.ask(form)
            if answer is None or answer.picks == (0,):
                return "", False
        if not offered:
            answer = await self._asker.ask(Form("Which model?", line="Its name:"))
            return (answer.words if answer else ""), False
        choices = tuple(Choice(one_line(m.id, 70), f"{m.window // 1000}k window") for m in offered)
        answer = await self._asker.ask(Form("Which model?", choices, filtering=True))
        return (offered[answer.picks[0]].id if answer else ""), True

    def _keep(self, connection: Connection, model: str, *, store: bool) -> None:
        """Store what was chosen; where that is not possible it holds for this run."""
        try:
            kept = store and self._store(connection, model)
        except ConfigError as error:
            self._note(f"{error} What you chose holds until you leave.")
            kept = False
        if not store:
            self._note(
                "The server has not answered yet: what you chose holds until you leave, and replaces nothing."
            )
        overridden = next((name for name in _WINNING if os.environ.get(name)), "")
        if kept and overridden:
            self._note(f"Your shell sets {overridden}, which wins over what is kept: take it out there.")
        if not kept or overridden:
            os.environ.pop("KCODE_VENDOR", None)
            os.environ.pop("KCODE_API_KEY", None)
            os.environ["KCODE_BASE_URL"] = connection.base_url
            os.environ["KCODE_MODEL"] = model
            if connection.api_key:
                os.environ["KCODE_API_KEY"] = connection.api_key

    def _store(self, connection: Connection, model: str) -> bool:
        """Write settings and key; whether all of it is kept."""
        if self._home.path is None:
            raise ConfigError("There is no folder to keep settings in.")
        settings = self._home.path / "settings.json"
        if connection.vendor:
            where = Credentials(self._home).set(connection.vendor, connection.api_key)
            set_value(settings, "vendor", connection.vendor)
            set_value(settings, "baseUrl", None)
            self._note(f"The key is kept in {where}.")
        else:
            set_value(settings, "baseUrl", connection.base_url)
            set_value(settings, "vendor", None)
        set_value(settings, "model", model)
        self._note(f"{one_line(model, 70)} at {one_line(connection.base_url)} is kept in {settings}.")
        if connection.api_key and not connection.vendor:
            self._note("The key holds until you leave; to keep it: export KCODE_API_KEY=<key> in your shell.")
            return False
        return True


def _listed(items: Sequence[Item]) -> list[str]:
    """Name everything that would count, with all that it would do and nothing hidden in it."""
    lines = ["They would change what kcode does here:"]
    for item in items:
        lines.append(f"  {_visible(item.path)} ({item.kind})")
        lines += [f"      {_visible(detail)}" for detail in item.details]
    return lines


def _visible(text: str) -> str:
    return one_line(reveal(text.replace("\n", "\u240a"))[0], LONGEST)


async def _list_models(connection: Connection) -> Sequence[ModelInfo]:
    from kcode.providers.connect import list_models  # noqa: PLC0415 - openai, only for this one question

    return await list_models(connection, environ=os.environ)


async def find_servers(look: Look | None = None) -> Sequence[tuple[str, str]]:
    """Look for model servers on this machine, unless the person's settings say not to; names and addresses."""
    from kcode.app.offline import offline_settings  # noqa: PLC0415 - only for this one question
    from kcode.providers.local_servers import find_local_servers  # noqa: PLC0415 - as above

    # The person's own settings alone: a project does not say what is looked for.
    settings = offline_settings(Options(cwd=Path("/")), os.environ).settings
    if not settings.detect_local_servers:
        return ()
    return [(server.name, server.base_url) for server in await (look or find_local_servers)()]
