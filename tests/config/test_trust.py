import json
import os
from pathlib import Path

import pytest
from config_places import Places

from kcode.config.home import Home
from kcode.config.items import find_items, hashes
from kcode.config.trust import Trust
from kcode.config.writer import add_rule


def test_a_folder_with_nothing_that_would_count_needs_no_asking(places: Places) -> None:
    places.put("project/src/main.py", "print()")
    standing = Trust(places.home).standing(places.project)
    assert (standing.trusted, list(standing.items), standing.known) == (True, [], False)


def test_what_would_count_is_listed_with_every_command_that_would_run(places: Places) -> None:
    settings = {
        "permissions": {"allow": ["Bash(make *)"], "additionalDirectories": ["/"]},
        "env": {"DEBUG": "1"},
        "hooks": {"PreToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": "./check.sh"}]}]},
        "statusLine": {"type": "command", "command": "./status.sh"},
    }
    places.put("project/.claude/settings.json", settings)
    places.put(
        "project/.mcp.json",
        {"mcpServers": {"db": {"command": "npx", "args": ["db"]}, "w": {"url": "http://x"}}},
    )
    places.put("project/AGENTS.md", "be nice")
    places.put("project/.kcode/skills/deploy/SKILL.md", "deploy")
    found = {item.path: item for item in find_items(places.project)}
    assert {path: item.kind for path, item in found.items()} == {
        ".claude/settings.json": "settings",
        ".mcp.json": "servers",
        "AGENTS.md": "instructions",
        ".kcode/skills/deploy/SKILL.md": "skill",
    }
    details = "\n".join(found[".claude/settings.json"].details)
    for words in ("allow: Bash(make *)", "also works in: /", "DEBUG=1", "./check.sh", "./status.sh"):
        assert words in details
    assert found[".mcp.json"].details == ("server db runs: npx db", "server w at http://x")


def test_trust_lasts_until_a_file_that_counts_changes_and_then_asks_about_that_file(places: Places) -> None:
    places.put("project/AGENTS.md", "one")
    places.put("project/.kcode/settings.json", {})
    first = Trust(places.home)
    assert not first.standing(places.project).trusted
    first.accept(places.project, first.standing(places.project).items)
    assert Trust(places.home).standing(places.project).trusted
    places.put("project/AGENTS.md", "two")
    places.put("project/.mcp.json", {})
    standing = Trust(places.home).standing(places.project)
    assert (standing.trusted, standing.known) == (False, True)
    assert [item.path for item in standing.changed] == [".mcp.json", "AGENTS.md"]


def test_a_file_that_is_gone_asks_nothing(places: Places) -> None:
    path = places.put("project/AGENTS.md", "one")
    trust = Trust(places.home)
    trust.accept(places.project, find_items(places.project))
    path.unlink()
    assert trust.standing(places.project).trusted


def test_a_folder_is_known_by_its_real_path(places: Places, tmp_path: Path) -> None:
    places.put("project/AGENTS.md", "one")
    link = tmp_path / "link"
    link.symlink_to(places.project)
    Trust(places.home).accept(link, find_items(link))
    assert Trust(places.home).standing(places.project).trusted


def test_the_home_folder_and_the_root_are_trusted_for_one_run_only(places: Places) -> None:
    places.put("user/AGENTS.md", "one")
    trust = Trust(places.home)
    trust.accept(places.user, find_items(places.user))
    assert trust.standing(places.user).trusted
    assert not Trust(places.home).standing(places.user).trusted
    assert not (places.user / ".kcode").exists()


def test_without_a_place_to_keep_it_trust_lasts_for_the_run(places: Places) -> None:
    places.put("project/AGENTS.md", "one")
    trust = Trust(Home(None))
    trust.accept(places.project, find_items(places.project))
    assert trust.standing(places.project).trusted
    assert not Trust(Home(None)).standing(places.project).trusted


def test_trust_can_be_taken_back(places: Places) -> None:
    places.put("project/AGENTS.md", "one")
    trust = Trust(places.home)
    trust.accept(places.project, find_items(places.project))
    trust.forget(places.project)
    assert not trust.standing(places.project).trusted
    assert not Trust(places.home).standing(places.project).trusted


@pytest.mark.parametrize("content", ["{ broken", "[]", '{"folders": 3}', '{"folders": {"/x": 3}}', ""])
def test_a_broken_trust_file_trusts_nobody(places: Places, content: str) -> None:
    places.put("project/AGENTS.md", "one")
    places.put("user/.kcode/trust.json", content)
    assert not Trust(places.home).standing(places.project).trusted


def test_a_rule_that_kcode_itself_wrote_does_not_cost_the_trust(places: Places) -> None:
    places.put("project/AGENTS.md", "one")
    trust = Trust(places.home)
    trust.accept(places.project, find_items(places.project))
    local = places.project / ".kcode" / "settings.local.json"
    for rule in ("Bash(make)", "Bash(ls)"):
        before = hashes(places.project)
        add_rule(local, "allow", rule)
        trust.renew(places.project, local, before)
        assert Trust(places.home).standing(places.project).trusted


def test_a_change_by_somebody_else_is_not_covered_by_kcodes_own(places: Places) -> None:
    local = places.put("project/.kcode/settings.local.json", {})
    trust = Trust(places.home)
    trust.accept(places.project, find_items(places.project))
    places.put("project/.kcode/settings.local.json", {"permissions": {"allow": ["Bash"]}})
    before = hashes(places.project)
    add_rule(local, "allow", "Read")
    trust.renew(places.project, local, before)
    assert not trust.standing(places.project).trusted


def test_an_untrusted_folder_does_not_become_trusted_by_a_rule(places: Places) -> None:
    trust = Trust(places.home)
    local = places.project / ".kcode" / "settings.local.json"
    before = hashes(places.project)
    add_rule(local, "allow", "Read")
    trust.renew(places.project, local, before)
    assert not trust.standing(places.project).trusted


def test_pipes_and_links_out_of_the_folder_are_named_and_not_followed(places: Places, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (places.project / ".kcode" / "skills").mkdir(parents=True)
    (places.project / ".kcode" / "skills" / "far").symlink_to(outside)
    os.mkfifo(places.project / "AGENTS.md")
    found = {item.path: item.details[0] for item in find_items(places.project)}
    assert found.keys() == {"AGENTS.md", ".kcode/skills/far"}
    assert "pipe" in found["AGENTS.md"]
    assert str(outside) in found[".kcode/skills/far"]


def test_of_very_many_files_none_escapes_the_question(places: Places) -> None:
    for n in range(510):
        places.put(f"project/.kcode/commands/{n:03}.md", str(n))
    trust = Trust(places.home)
    trust.accept(places.project, find_items(places.project))
    assert trust.standing(places.project).trusted
    places.put("project/.kcode/commands/509.md", "other")
    assert not trust.standing(places.project).trusted


def test_the_trust_file_is_for_its_owner_only(places: Places) -> None:
    places.put("project/AGENTS.md", "one")
    Trust(places.home).accept(places.project, find_items(places.project))
    path = places.user / ".kcode" / "trust.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(json.loads(path.read_text())["folders"]) == [str(places.project)]


def test_instructions_between_the_working_folder_and_the_repository_are_asked_about(places: Places) -> None:
    places.put("project/.git/HEAD", "")
    places.put("project/CLAUDE.md", "top")
    places.put("project/a/AGENTS.md", "a")
    places.put("project/b/AGENTS.md", "b")
    trust = Trust(places.home)
    for name in ("a", "b"):
        standing = trust.standing(places.project, places.project / name)
        assert f"{name}/AGENTS.md" in [item.path for item in standing.changed]
        trust.accept(places.project, standing.changed)
    for name in ("a", "b"):
        assert Trust(places.home).standing(places.project, places.project / name).trusted


def test_a_project_inside_a_repository_asks_about_the_repositorys_instructions(places: Places) -> None:
    places.put("project/.git/HEAD", "")
    places.put("project/AGENTS.md", "top")
    inner = places.put("project/inner/.kcode/settings.json", {}).parent.parent
    standing = Trust(places.home).standing(inner, inner)
    assert [item.path for item in standing.items] == [".kcode/settings.json", "../AGENTS.md"]


def test_a_persons_own_settings_in_their_home_folder_are_not_asked_about(places: Places) -> None:
    places.put("user/.kcode/settings.json", {"model": "x"})
    places.put("user/.claude/skills/mine/SKILL.md", "x")
    assert Trust(places.home).standing(places.user, places.user).trusted


def test_trust_that_was_kept_still_counts_where_nothing_can_be_written(places: Places) -> None:
    places.put("project/AGENTS.md", "one")
    Trust(places.home).accept(places.project, find_items(places.project))
    frozen = Home(places.home.path, places.home.user, "read-only")
    assert Trust(frozen).standing(places.project).trusted
    places.put("project/AGENTS.md", "two")
    trust = Trust(frozen)
    trust.accept(places.project, find_items(places.project))
    assert trust.standing(places.project).trusted
    assert not Trust(frozen).standing(places.project).trusted
