"""From a command line and a front end to a conversation."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from kcode import __version__, registry
from kcode.app.authorize import Authorizer, Rules
from kcode.app.confine import Confinement
from kcode.app.connecting import find_connection
from kcode.app.context import Contexts, Looker, MemoryDesk, Spill, limits_of
from kcode.app.conversation import Conversation
from kcode.app.deadline import Deadline, Patient
from kcode.app.discreet import Discreet
from kcode.app.engine import Engine
from kcode.app.faults import keep_keys_out
from kcode.app.guarding import Guarding
from kcode.app.keeping import KeepingEnvironment
from kcode.app.limits import Limits, Meter
from kcode.app.models import Models
from kcode.app.recorder import Recorder
from kcode.app.remember import Remembered
from kcode.app.rewinding import Rewinding
from kcode.app.sessions import Sessions
from kcode.app.shown import runaway
from kcode.app.view import Parts
from kcode.config.connection import missing_text
from kcode.config.home import Home, find_home
from kcode.config.layers import Loaded, load_settings, project_root
from kcode.config.options import Options
from kcode.config.trust import Standing, Trust
from kcode.context.memory import Places
from kcode.context.window import ContextWindow
from kcode.engine.agent import Agent, AgentSpec
from kcode.engine.ports import Clock
from kcode.environment.local import LocalEnvironment
from kcode.process.programs import outside
from kcode.prompts.build import system_prompt
from kcode.screen.secrets import Secrets
from kcode.session.checkpoints import Checkpoints
from kcode.session.fold import Fold
from kcode.session.log import SessionLog
from kcode.session.retention import Limits as KeepFor
from kcode.session.retention import clean_in_background
from kcode.session.store import Store
from kcode.types.connection import Connection
from kcode.types.environment import Environment
from kcode.types.errors import ConfigError, NoConnectionError
from kcode.types.events import Mode, Notice
from kcode.types.frontend import Frontend
from kcode.types.model import Model
from kcode.types.state import State
from kcode.types.tool import AnyTool, Tool

Host: TypeAlias = Callable[[LocalEnvironment], Environment]

SMALL_WINDOW = 32_768
"""Tokens; in a window up to this size only the core tools are offered."""


async def open_conversation(
    options: Options,
    frontend: Frontend,
    *,
    model: Model | None = None,
    environment: Environment | None = None,
    host: Host | None = None,
    clock: Clock | None = None,
) -> Conversation:
    """Wire an agent to a front end.

    Args:
        options: the command line.
        frontend: shows events and answers questions.
        model: in place of the one that the settings name.
        environment: in place of this machine's files and processes.
        host: puts something in front of this machine's files and processes, such as an editor's.
        clock: in place of the machine's, for waits and limits.

    Raises:
        ConfigError: settings or connection cannot be used.
        SessionError: the session to go on with cannot be opened.
        ModelError: the endpoint was asked for its models and failed.
    """
    keep_keys_out()
    return await _Opening(options, frontend, model, environment, host, clock or Clock()).open()


class _Opening:
    """The steps of opening; each result is what the next one needs."""

    def __init__(
        self,
        options: Options,
        frontend: Frontend,
        model: Model | None,
        environment: Environment | None,
        host: Host | None,
        clock: Clock,
    ) -> None:
        self._options = options
        self._deadline = Deadline(clock, options.max_time, person=options.interactive)
        self._secrets = Secrets()
        self._frontend = Patient(Discreet(frontend, self._secrets), self._deadline)
        self._model = model
        self._environment = environment
        self._host = host
        self._clock = clock
        self._environ: Mapping[str, str] = dict(os.environ)
        self._home: Home = find_home(self._environ)
        self._notices: list[str] = []
        self._rules: Rules | None = None
        self._log: SessionLog | None = None

    async def open(self) -> Conversation:
        try:
            return await self._steps()
        except BaseException:
            if self._log is not None:
                # Its lock would keep whoever tries again, this very process, from the session.
                self._log.close()
            raise

    async def _steps(self) -> Conversation:
        options = self._options
        root = project_root(options.cwd, self._home)
        standing = self._standing(root)
        project = standing.contents if standing.trusted else None
        loaded = load_settings(options, home=self._home, environ=self._environ, root=root, project=project)
        self._notices += [*loaded.warnings, *([self._home.problem] if self._home.problem else [])]
        confinement = Confinement(loaded.settings.sandbox, self._environ, self._home.user, self._home.path)
        plain = self._environment or self._local(loaded, confinement, trusted=standing.trusted)
        if self._environment is not None:
            confinement.unfit("commands do not run on this machine")
        self._notices += await confinement.begin()
        authorizer = self._authorizer(loaded, plain, confinement)
        connection = await self._connection(loaded)
        troubles: list[str] = []
        store = Store(
            self._home.path,
            troubles.append,
            version=__version__,
            redact=self._secrets.hide,
            writable=self._home.writable and options.persist,
        )
        sessions = Sessions(store, options.cwd)
        opened = sessions.open(options)
        self._log = opened.log
        self._notices += opened.remarks
        recorder = Recorder(opened.log, self._frontend, troubles)
        rewinding = self._rewinding(loaded, plain, recorder, authorizer)
        environment = KeepingEnvironment(plain, rewinding.keep)
        authorizer.caution = rewinding.caution
        for event in opened.events:
            recorder.count(event)
        models = self._models(connection, loaded, recorder)
        model = self._model or await self._open(models, opened.state, recorder)
        meter = Meter(recorder.spent, self._frontend.ask, deadline=self._deadline)
        desk = MemoryDesk(self._places(standing), self._home, root)
        folder = self._home.path / "spill" / f"session-{recorder.log.id}" if self._home.path else None
        contexts = Contexts(
            limits_of(loaded.settings),
            model.info.window,
            Spill(folder if self._home.writable else None, self._secrets.hide),
            Looker(environment),
            desk.places,
        )
        guarding = Guarding(environment.folders, root, Trust(self._home), recorder)
        engine = Engine(loaded.settings, authorizer, meter, rewinding, guarding, self._clock, contexts.hooks)
        new_agent = self._agents(engine, model, environment, recorder, contexts.window_of_agent)
        agent = new_agent(opened.state)
        parts = Parts(
            options=options,
            loaded=loaded,
            frontend=self._frontend,
            environment=environment,
            connection=connection,
            authorizer=authorizer,
            recorder=recorder,
            sessions=sessions,
            rewinding=rewinding,
            confinement=confinement,
            new_agent=new_agent,
            open_model=lambda name, effort, named: models.switch(name, recorder.log.id, effort, named=named),
            thinking=models.thinking,
            list_models=models.list,
            meter=meter,
            clock=self._clock,
            memory=desk,
            notices=self._notices,
            secrets=self._secrets,
        )
        if opened.state is not None:
            for event in opened.state.settlement():
                await agent.emit(event)
        if self._home.path is not None and self._home.writable:
            days = loaded.settings.cleanup_period_days
            clean_in_background(self._home.path, KeepFor(days), keep=opened.log.path)
        return Conversation(parts, agent)

    def _standing(self, root: Path) -> Standing:
        """How the folder stands as it is read now; one that holds nothing that would count needs no trust."""
        options = self._options
        accepted = None if options.accepted is None else {str(root.resolve()): options.accepted}
        standing = Trust(self._home, accepted).standing(root, options.cwd)
        if options.trust:
            return replace(standing, trusted=True, known=True)
        names = ", ".join(item.path for item in standing.changed[:4])
        names += f" and {more} more" if (more := len(standing.changed) - 4) > 0 else ""
        are = "are" if len(standing.changed) > 1 else "is"
        if standing.changed and options.accepted is not None:
            self._notices.append(
                f"{names} {are} not as you were shown: this folder's own settings and instructions are left out. "
                "Look at it, and start kcode again."
            )
        elif standing.changed and not options.interactive:
            self._notices.append(
                f"This folder is not trusted: {names} {are} ignored. Use --trust if these files are yours."
            )
        return standing

    async def _connection(self, loaded: Loaded) -> Connection:
        if self._model is not None:
            return Connection("", model=self._model.info.id, source="given")
        found = await find_connection(self._options, loaded, self._home, self._environ)
        if found.connection is None:
            raise NoConnectionError("\n".join([*self._notices, missing_text(loaded.settings)]))
        self._notices += found.warnings
        self._secrets.add(found.connection.secrets)
        return found.connection

    def _local(self, loaded: Loaded, confinement: Confinement, *, trusted: bool) -> Environment:
        environ = dict(self._environ)
        if not trusted and "PATH" in environ:
            environ["PATH"] = outside(environ["PATH"], self._options.cwd)
        local = LocalEnvironment(
            self._options.cwd,
            folders=self._options.add_dirs,
            home=self._home.path,
            environ=environ,
            pass_env=loaded.settings.pass_env,
            variables=loaded.settings.env,
            hidden=lambda path: self._rules is not None and self._rules.hides(path),
        )
        local.trusted = trusted
        local.processes.fencing = confinement
        local.processes.secrets = self._secrets
        confinement.folders = local.folders
        if self._host is None:
            return local
        return self._host(local)

    def _rewinding(
        self, loaded: Loaded, environment: Environment, recorder: Recorder, authorizer: Authorizer
    ) -> Rewinding:
        stored = self._home.writable and self._options.persist
        checkpoints = Checkpoints(
            self._home.path if stored else None,
            environment.root,
            recorder,
            user_home=self._home.user,
            whole=loaded.settings.file_checkpointing_enabled,
        )
        return Rewinding(checkpoints, recorder, environment.files, environment.root, authorizer.only_reads)

    def _authorizer(self, loaded: Loaded, environment: Environment, confinement: Confinement) -> Authorizer:
        settings = loaded.settings.permissions
        mode: Mode = self._options.permission_mode or settings.default_mode or "default"
        kept = [self._home.path / "spill"] if self._home.path else []
        rules = Rules(loaded.rules, environment.folders, self._home.user, kept)
        self._rules = rules
        keep = Remembered(loaded.root, self._options.cwd, self._home).keep
        return Authorizer(
            self._frontend, rules, mode, bypass=self._bypass(loaded), keep=keep, confinement=confinement
        )

    def _bypass(self, loaded: Loaded) -> str:
        """Say why nobody may skip all permissions here; empty where they may."""
        if loaded.settings.permissions.disable_bypass_permissions_mode == "disable":
            return "The mode bypassPermissions is switched off in the settings."
        if os.geteuid() == 0 and self._environ.get("IS_SANDBOX") != "1":
            return (
                "The mode bypassPermissions is refused for root: commands could change anything on this machine. "
                "Run as another user, or set IS_SANDBOX=1 if this is a container that may be lost."
            )
        return ""

    def _models(self, connection: Connection, loaded: Loaded, recorder: Recorder) -> Models:
        async def tell(text: str) -> None:
            await recorder(Notice(text=text, level="warning", code="fallback"))

        return Models(
            connection, self._options, loaded.settings, self._home, self._environ, tell, self._secrets
        )

    async def _open(self, models: Models, state: Fold | None, recorder: Recorder) -> Model:
        """Open the model; a resumed conversation goes on with its own unless another one is named."""
        named = models.connection.model or (state.model if state else "")
        return await models.open(named, recorder.log.id)

    def _agents(
        self,
        engine: Engine,
        model: Model,
        environment: Environment,
        recorder: Recorder,
        new_context: Callable[[], ContextWindow],
    ) -> Callable[[State | None], Agent]:
        options = self._options
        small = model.info.window <= SMALL_WINDOW
        limits = Limits(options.max_turns, options.max_budget_usd, options.max_time)
        spec = AgentSpec(
            model=model,
            tools=_tools(engine.authorizer, options.tools, model.info.window),
            system=system_prompt(
                environment.facts,
                replace=options.system_prompt,
                append=options.append_system_prompt,
                language=engine.settings.language or "",
                small=small,
            ),
            environment=environment,
            new_state=Fold,
            new_context=new_context,
            sink=recorder,
            authorize=engine.authorizer,
            new_hooks=lambda: engine.hooks(limits, small=small),
            ask=self._frontend.ask,
            clock=self._clock,
            patience=engine.patience,
            watch_text=engine.settings.turn_endings.repeated_text,
            enough=runaway if small else None,
        )
        return lambda state: Agent(spec, state=state)

    def _places(self, standing: Standing) -> Places:
        trusted = standing.trusted
        return Places(
            self._options.cwd, self._home.path, self._home.user, trusted, deep=trusted and standing.known
        )


def _tools(authorizer: Authorizer, wanted: Collection[str] | None, window: int) -> Mapping[str, AnyTool]:
    """Load the built-in tools, and those of installed packages.

    A rule may take one away, and `wanted` names those that are offered. Where nobody chose, a small window gets
    the core tools only: there the others would cost a tenth of the room, and small models are lost among them.
    """
    found: list[AnyTool] = []
    found.extend(registry.load_all("kcode.tools", "TOOL", Tool[Any]).values())
    found.extend(registry.extensions("kcode.tools", Tool[Any]).values())
    if wanted is not None:
        unknown = set(wanted) - {tool.name for tool in found}
        if unknown:
            names = ", ".join(sorted(tool.name for tool in found))
            raise ConfigError(f"--tools: there is no {', '.join(sorted(unknown))}. Tools: {names}.")
        found = [tool for tool in found if tool.name in wanted]
    elif window <= SMALL_WINDOW:
        found = [tool for tool in found if tool.core]
    return {tool.name: tool for tool in found if not authorizer.removes(tool.name)}
