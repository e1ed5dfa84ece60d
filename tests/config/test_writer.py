import json
import threading
from pathlib import Path

import pytest

from kcode.config.writer import add_rule, set_value
from kcode.types.errors import ConfigError


def test_a_rule_is_added_once_and_everything_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{\n    "zzz": {"b": 1, "a": [2]},\n    "permissions": {"allow": ["Read"], "odd": 1}\n}')
    add_rule(path, "allow", "Bash(ls)")
    add_rule(path, "allow", "Bash(ls)")
    add_rule(path, "deny", "Bash(rm *)")
    text = path.read_text()
    assert json.loads(text) == {
        "zzz": {"b": 1, "a": [2]},
        "permissions": {"allow": ["Read", "Bash(ls)"], "odd": 1, "deny": ["Bash(rm *)"]},
    }
    assert text.startswith('{\n    "zzz": {\n        "b"')


def test_a_missing_file_is_made_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / ".kcode" / "settings.local.json"
    add_rule(path, "ask", "Bash(git push *)")
    assert json.loads(path.read_text()) == {"permissions": {"ask": ["Bash(git push *)"]}}


def test_a_value_is_set_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    set_value(path, "model", "kimi-ü")
    set_value(path, "permissions.defaultMode", "plan")
    assert json.loads(path.read_text()) == {"model": "kimi-ü", "permissions": {"defaultMode": "plan"}}
    assert "kimi-ü" in path.read_text()
    set_value(path, "model", None)
    assert json.loads(path.read_text()) == {"permissions": {"defaultMode": "plan"}}


@pytest.mark.parametrize(
    "content", ['{ "model": ', "[]", '{"permissions": 3}', '{"permissions": {"allow": "Bash"}}']
)
def test_a_broken_file_is_refused_and_stays_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"settings\.json:1:"):
        add_rule(path, "allow", "Bash")
    assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_value_of_the_wrong_type_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    with pytest.raises(ConfigError, match="cleanupPeriodDays"):
        set_value(path, "cleanupPeriodDays", "soon")
    assert not path.exists()


def test_a_link_stays_a_link_and_a_mode_stays_a_mode(tmp_path: Path) -> None:
    target, path = tmp_path / "dotfiles.json", tmp_path / "settings.json"
    target.write_text("{}")
    target.chmod(0o640)
    path.symlink_to(target)
    add_rule(path, "allow", "Read")
    assert path.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert json.loads(target.read_text()) == {"permissions": {"allow": ["Read"]}}


def test_a_folder_in_the_way_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    with pytest.raises(ConfigError):
        add_rule(tmp_path / "settings.json", "allow", "Read")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        add_rule(tmp_path / "file" / "settings.json", "allow", "Read")


def test_the_file_is_whole_at_every_moment(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    add_rule(path, "allow", "Rule(0)")
    broken: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            text = path.read_text()
            if not text.endswith("}\n"):
                broken.append(text)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for n in range(60):
        add_rule(path, "allow", f"Rule({n})")
    done.set()
    watcher.join()
    assert broken == []
    assert len(json.loads(path.read_text())["permissions"]["allow"]) == 60
