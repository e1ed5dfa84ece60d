"""`kcode permissions check`, as a person and a program see it."""

import json
from pathlib import Path

import pytest

from kcode.config.options import Options
from kcode.frontends.permissions import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KCODE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_it_names_every_part_that_asks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Options(cwd=folder), ["check", "--", "ls; npm i && touch x"]) == 1
    shown = capsys.readouterr().out
    assert "decision    ask" in shown
    assert "asks        npm i  (npm in 'npm i' needs approval)" in shown
    assert "asks        touch x  (touch in 'touch x' needs approval)" in shown
    assert "offers      Bash(npm i *), Bash(touch *)" in shown


def test_one_part_is_not_told_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Options(cwd=folder), ["check", "git status"]) == 1
    shown = capsys.readouterr().out
    assert "a repository's configuration can make git run programs" in shown
    assert "offers      Bash(git status *)" in shown
    assert "asks  " not in shown


def test_as_json_the_keys_stay_and_the_parts_are_a_list(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = json.dumps({"permissions": {"deny": ["Bash(curl:*)"]}})
    arguments = ["check", "--json", "--settings", settings, "--", "make; curl x"]
    assert run(Options(cwd=folder), arguments) == 1
    shown = json.loads(capsys.readouterr().out)
    assert set(shown) == {"decision", "reason", "part", "rule", "source", "parts", "suggestions"}
    assert (shown["decision"], shown["part"], shown["rule"]) == ("deny", "curl x", "Bash(curl:*)")
    assert [(each["decision"], each["part"]) for each in shown["parts"]] == [
        ("ask", "make"),
        ("deny", "curl x"),
    ]
    assert run(Options(cwd=folder), ["check", "--json", "--", "ls"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"] == []
