"""A repository's own programs are things that would run once its folder is trusted."""

from pathlib import Path

import pytest
from config_places import Places

from kcode.config.items import find_items
from kcode.config.trust import Trust

CLONE = '[core]\n\tbare = false\n[remote "origin"]\n\turl = x\n[branch "main"]\n\tremote = origin\n'


def repository(folder: Path, config: str = CLONE) -> Path:
    git = folder / ".git"
    for name in ("objects", "refs", "hooks"):
        (git / name).mkdir(parents=True, exist_ok=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "config").write_text(config)
    (git / "hooks" / "pre-commit.sample").write_text("#!/bin/sh\n")
    (git / "hooks" / "pre-commit.sample").chmod(0o755)
    return git


def hook(file: Path, text: str = "#!/bin/sh\n") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def found(root: Path, cwd: Path | None = None) -> dict[str, tuple[str, ...]]:
    return {item.path: item.details for item in find_items(root, cwd) if item.kind == "git"}


def test_an_ordinary_clone_needs_no_asking(places: Places) -> None:
    repository(places.project)
    assert Trust(places.home).standing(places.project).trusted
    assert found(places.project) == {}


def test_settings_and_hooks_by_which_git_runs_programs_are_listed_with_what_they_run(places: Places) -> None:
    git = repository(places.project, CLONE + "[core]\n\tfsmonitor = ./watch.sh\n")
    hook(git / "hooks" / "pre-commit")
    (git / "hooks" / "not-executable").write_text("x")
    assert found(places.project) == {
        ".git/config": ("core.fsmonitor = ./watch.sh",),
        ".git/hooks/pre-commit": ("git runs this hook",),
    }
    assert not Trust(places.home).standing(places.project).trusted


def test_a_changed_hook_or_program_asks_again_and_a_new_branch_does_not(places: Places) -> None:
    git = repository(places.project, CLONE + "[core]\n\teditor = vi\n")
    hook(git / "hooks" / "pre-commit")
    trust = Trust(places.home)
    trust.accept(places.project, trust.standing(places.project).items)
    (git / "config").write_text(CLONE + '[core]\n\teditor = vi\n[branch "new"]\n\tremote = origin\n')
    assert trust.standing(places.project).trusted
    (git / "config").write_text(CLONE + "[core]\n\teditor = evil\n")
    hook(git / "hooks" / "pre-commit", "#!/bin/sh\nevil\n")
    assert [item.path for item in trust.standing(places.project).changed] == [
        ".git/config",
        ".git/hooks/pre-commit",
    ]


@pytest.mark.parametrize(
    "include", ["[include]\n\tpath = ../more", '[includeIf "gitdir:**"]\n\tpath = "../more"']
)
def test_what_is_included_counts_too(places: Places, include: str) -> None:
    repository(places.project, include)
    more = places.put("project/more", "[core]\n\tsshCommand = one\n[include]\n\tpath = more\n")
    trust = Trust(places.home)
    assert found(places.project)["more"][0] == "core.sshCommand = one"
    trust.accept(places.project, trust.standing(places.project).items)
    more.write_text("[core]\n\tsshCommand = two\n")
    assert [item.path for item in trust.standing(places.project).changed] == ["more"]


def test_hooks_that_lie_elsewhere_count_too(places: Places) -> None:
    repository(places.project, "[core]\n\thooksPath = .husky/_\n")
    hook(places.project / ".husky" / "_" / "pre-push")
    assert ".husky/_/pre-push" in found(places.project)


def test_in_a_further_working_tree_the_shared_settings_and_hooks_count(places: Places) -> None:
    git = repository(places.user / "main", "[core]\n\tfsmonitor = evil\n")
    hook(git / "hooks" / "pre-commit")
    tree = git / "worktrees" / "project"
    tree.mkdir(parents=True)
    (tree / "HEAD").write_text("ref: refs/heads/other\n")
    (tree / "commondir").write_text("../..\n")
    (tree / "config.worktree").write_text("[core]\n\teditor = evil\n")
    (places.project / ".git").write_text(f"gitdir: {tree}\n")
    assert {Path(name).name for name in found(places.project)} == {"config", "config.worktree", "pre-commit"}


def test_below_the_repositorys_top_its_programs_count_and_those_of_a_repository_around_it_do_not(
    places: Places,
) -> None:
    repository(places.project, "[core]\n\tfsmonitor = outer\n")
    (places.project / "sub").mkdir()
    assert found(places.project, places.project / "sub") == {".git/config": ("core.fsmonitor = outer",)}
    repository(places.project / "sub", "[core]\n\tfsmonitor = inner\n")
    assert found(places.project / "sub") == {".git/config": ("core.fsmonitor = inner",)}


def test_a_folder_that_is_a_repository_by_itself_is_asked_about(places: Places) -> None:
    for name in ("objects", "refs"):
        (places.project / name).mkdir()
    places.put("project/HEAD", "ref: refs/heads/main\n")
    places.put("project/config", "[core]\n\tworktree = .\n\tfsmonitor = evil\n")
    assert found(places.project)["config"][-1] == "core.fsmonitor = evil"


def test_very_many_hooks_leave_none_out(places: Places) -> None:
    git = repository(places.project)
    for number in range(1_005):
        hook(git / "hooks" / f"a{number:04}")
    trust = Trust(places.home)
    trust.accept(places.project, trust.standing(places.project).items)
    assert trust.standing(places.project).trusted
    hook(git / "hooks" / "pre-commit")
    assert not trust.standing(places.project).trusted
