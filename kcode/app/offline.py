"""Parts of a conversation without a model: for commands that only explain."""

from collections.abc import Mapping

from kcode.app.authorize import Authorizer, Rules
from kcode.config.home import find_home
from kcode.config.layers import Loaded, load_settings, project_root
from kcode.config.options import Options
from kcode.config.trust import Trust
from kcode.types.events import Event
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.questions import Question


class Nobody:
    """A front end that shows nothing and refuses everything."""

    async def on_event(self, event: Event) -> None:
        """Show nothing."""

    async def decide(self, request: PermissionRequest) -> Decision:
        """Refuse."""
        del request
        return Decision("reject_once")

    async def ask(self, question: Question) -> str | None:
        """Answer nothing."""
        del question
        return None


def offline_settings(options: Options, environ: Mapping[str, str]) -> Loaded:
    """Load the settings of a folder; raises ConfigError."""
    home = find_home(environ)
    root = project_root(options.cwd, home)
    standing = Trust(home).standing(root, options.cwd)
    project = standing.contents if options.trust or standing.trusted else None
    return load_settings(options, home=home, environ=environ, root=root, project=project)


def offline_authorizer(options: Options, environ: Mapping[str, str]) -> Authorizer:
    """Build what decides about calls; raises ConfigError."""
    home = find_home(environ)
    loaded = offline_settings(options, environ)
    mode = options.permission_mode or loaded.settings.permissions.default_mode or "default"
    rules = Rules(loaded.rules, (options.cwd, *options.add_dirs), home.user, ())
    return Authorizer(Nobody(), rules, mode)
