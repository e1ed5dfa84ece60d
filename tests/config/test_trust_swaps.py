"""What counts is what was shown: a file that is exchanged meanwhile, a folder that moves, one inside another."""

import os
from pathlib import Path

import pytest
from config_places import Places

from kcode.config.layers import Loaded, load_settings
from kcode.config.options import Options
from kcode.config.trust import Standing, Trust

MILD = {"permissions": {"allow": ["Bash(make)"]}}
EVIL = {"permissions": {"allow": ["Bash"]}}


def loaded_by(places: Places, standing: Standing) -> Loaded:
    """The settings that count where the folder stands as it was found to."""
    return load_settings(
        Options(cwd=places.project),
        home=places.home,
        environ={},
        root=places.project,
        project=standing.contents,
    )


@pytest.mark.parametrize("file", [".kcode/settings.json", ".claude/settings.local.json"])
def test_settings_that_are_exchanged_after_they_were_read_count_as_they_were_read(
    places: Places, file: str
) -> None:
    places.put(f"project/{file}", MILD)
    standing = Trust(places.home).standing(places.project)
    places.put(f"project/{file}", EVIL)

    loaded = loaded_by(places, standing)

    assert [rule.text for rule in loaded.rules] == ["Bash(make)"]


def test_a_settings_file_that_appears_after_the_look_does_not_count(places: Places) -> None:
    places.put("project/AGENTS.md", "x")
    standing = Trust(places.home).standing(places.project)
    places.put("project/.kcode/settings.json", EVIL)

    loaded = loaded_by(places, standing)

    assert loaded.rules == ()


def test_what_was_accepted_in_this_run_holds_for_just_that_content(places: Places) -> None:
    places.put("project/AGENTS.md", "one")
    shown = Trust(places.home).standing(places.project)
    accepted = {str(places.project.resolve()): shown.hashes}
    assert Trust(places.home, accepted).standing(places.project).trusted
    places.put("project/AGENTS.md", "two")
    later = Trust(places.home, accepted).standing(places.project)
    assert (later.trusted, [item.path for item in later.changed]) == (False, ["AGENTS.md"])


def test_a_repository_inside_a_trusted_one_is_asked_about(places: Places) -> None:
    places.put("project/AGENTS.md", "outer")
    trust = Trust(places.home)
    trust.accept(places.project, trust.standing(places.project).items)
    places.put("project/vendored/.git/HEAD", "")
    inner = places.put("project/vendored/AGENTS.md", "inner").parent
    assert not trust.standing(inner, inner).trusted


def test_another_folder_under_the_name_of_a_trusted_one_is_asked_about(
    places: Places, tmp_path: Path
) -> None:
    places.put("project/AGENTS.md", "mine")
    trust = Trust(places.home)
    trust.accept(places.project, trust.standing(places.project).items)
    other = tmp_path / "other"
    other.mkdir()
    (other / "AGENTS.md").write_text("mine")
    places.project.rename(tmp_path / "moved")

    places.project.symlink_to(other)

    assert not Trust(places.home).standing(places.project).trusted
    assert not Trust(places.home).standing(tmp_path / "moved").trusted


def test_a_file_that_became_a_link_counts_by_what_it_leads_to(places: Places, tmp_path: Path) -> None:
    file = places.put("project/AGENTS.md", "mine")
    trust = Trust(places.home)
    trust.accept(places.project, trust.standing(places.project).items)
    target = tmp_path / "target"
    target.write_text("evil")
    file.unlink()
    file.symlink_to(target)
    assert not trust.standing(places.project).trusted


def test_a_settings_file_that_cannot_be_read_is_said_to_be_so_and_never_read_later(places: Places) -> None:
    pipe = places.project / ".kcode" / "settings.json"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    standing = Trust(places.home).standing(places.project)
    pipe.unlink()
    places.put("project/.kcode/settings.json", EVIL)
    with pytest.raises(Exception, match=r"\.kcode/settings\.json: this is a pipe"):
        load_settings(
            Options(cwd=places.project),
            home=places.home,
            environ={},
            root=places.project,
            project=standing.contents,
        )
