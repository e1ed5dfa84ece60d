"""What deciding about one command text needs to know, and where its commands may stand."""

from copy import copy
from dataclasses import dataclass, field

from kcode.permissions.path_policy import decide_path
from kcode.permissions.paths import Action, Workspace, locate
from kcode.permissions.rules import RuleSet
from kcode.permissions.shell_script import Word
from kcode.permissions.verdict import Verdict
from kcode.types.events import Mode

_MOST_FOLDERS = 8


@dataclass(slots=True)
class Context:
    """The circumstances of one command text.

    Attributes:
        mode: the permission mode.
        rules: the rules in force.
        workspace: the working directories.
        free: whether commands run unless something speaks against them.
        folders: every folder the next command may run in; empty where that is not known.
    """

    mode: Mode
    rules: RuleSet
    workspace: Workspace
    free: bool
    folders: tuple[str, ...]
    start: str = field(init=False)
    _judged: dict[tuple[Action, str], Verdict] = field(
        init=False, default_factory=dict[tuple[Action, str], Verdict]
    )

    def __post_init__(self) -> None:
        """Keeps where the text begins."""
        self.start = self.folders[0]

    @property
    def at_home(self) -> bool:
        """Whether the next command surely runs in the repository of a working directory.

        A folder that this very text changes to may only come into being while it runs: it never counts.
        """
        known = (self.workspace.root, *self.workspace.folders)
        return bool(self.folders) and all(
            f in known or (f == self.start and self._start_is_known()) for f in self.folders
        )

    def _start_is_known(self) -> bool:
        resolved = self.workspace.resolve(self.start)
        return any(self.workspace.same_repository(resolved, folder) for folder in self.workspace.folders)

    def spellings(self, word: Word) -> list[str]:
        """The absolute paths a word may stand for; empty where that is not known."""
        text = word.text
        if not word.literal or (word.tilde and text != "~" and not text.startswith("~/")):
            return []
        if not word.tilde and text.startswith("~"):
            text = "./" + text
        return [self.workspace.absolute(text, folder) for folder in self.folders]

    def path_verdict(self, action: Action, path: str) -> Verdict:
        """Whether a command may read or change an absolute path, looked up once however many parts name it."""
        known = self._judged.get((action, path))
        if known is None:
            known = decide_path(action, path, self.mode, self.rules, self.workspace)
            self._judged[action, path] = known
        return known

    def standing_in(self, folders: tuple[str, ...]) -> "Context":
        """The same circumstances at another point of the text."""
        there = copy(self)
        there.folders = folders
        return there

    def change_folder(self, words: tuple[Word, ...]) -> None:
        """Follows a `cd`: it may succeed, fail or happen in a sub-shell, so both folders count afterwards."""
        operands = [w for w in words[1:] if not w.text.startswith("-")]
        goals = self.spellings(operands[0]) if len(operands) == 1 and not operands[0].glob else []
        if not goals:
            self.folders = ()
            return
        resolved = [locate(goal, self.workspace).resolved for goal in goals]
        known = {*self.folders, *(locate(f, self.workspace).resolved for f in self.folders)}
        self.folders = tuple(dict.fromkeys((*self.folders, *(r for r in resolved if r not in known))))
        if len(self.folders) > _MOST_FOLDERS:
            self.folders = ()
