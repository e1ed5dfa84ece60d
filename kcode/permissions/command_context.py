"""What deciding about one command text needs to know, and where its commands may stand."""

from dataclasses import dataclass, field

from kcode.permissions.paths import Workspace, locate
from kcode.permissions.rules import STRICT, Behaviour, Rule, RuleSet
from kcode.permissions.shell_script import Word
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
    allowing: tuple[Rule, ...] = field(init=False)
    against: tuple[tuple[Behaviour, Rule], ...] = field(init=False)
    start: str = field(init=False)

    def __post_init__(self) -> None:
        """Finds the rules for commands once, and keeps where the text begins."""
        self.allowing = self.rules.of("allow", "Bash")
        self.against = tuple((b, r) for b in STRICT for r in self.rules.of(b, "Bash") if not r.everything)
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
