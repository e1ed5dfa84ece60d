import pytest

from kcode.cli import UsageError, _names, _rules, main


@pytest.mark.parametrize(
    ("given", "rules"),
    [
        (["Bash(git *) Edit"], ("Bash(git *)", "Edit")),
        (["Bash(git *),Edit", "Read(~/x y/**)"], ("Bash(git *)", "Edit", "Read(~/x y/**)")),
        (["Bash(echo (a) *) , mcp__server"], ("Bash(echo (a) *)", "mcp__server")),
        (["Bash(unclosed *"], ("Bash(unclosed *",)),
        (["", "  "], ()),
        (None, ()),
    ],
)
def test_lists_of_rules_are_taken_apart_outside_brackets(
    given: list[str] | None, rules: tuple[str, ...]
) -> None:
    assert _rules(given, "--allowedTools") == rules


def test_a_prompt_that_was_swallowed_by_a_list_is_told() -> None:
    with pytest.raises(UsageError, match="put the prompt first"):
        _rules(["Edit", "fix the tests"], "--allowedTools")


def test_tools_are_named_with_blanks_or_commas() -> None:
    assert _names(["Bash,Edit", "Read"]) == ("Bash", "Edit", "Read")
    assert _names([""]) == ()
    assert _names(["default"]) is None
    assert _names(None) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--modle", "x"], "Did you mean --model?"),
        (["--permission-mode", "yolo"], "permission-mode"),
        (["docter"], "Did you mean `kcode doctor`?"),
        (["-p", "x", "--max-turns", "0"], "greater than 0"),
        (["-p", "x", "--max-turns", "many"], "max-turns"),
        (["-p", "x", "--add-dir", "/nonexistent"], "no such folder"),
    ],
)
def test_a_wrong_command_line_is_told_with_the_way_out(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert "kcode --help" in shown.err
    assert shown.out == ""


def test_a_prompt_that_a_list_of_tools_swallowed_is_told() -> None:
    with pytest.raises(UsageError, match="put the prompt first"):
        _names(["Read", "hello"])


def test_a_copy_needs_a_session_to_copy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-p", "hi", "--fork-session"]) == 2
    assert "--continue" in capsys.readouterr().err


def test_native_windows_is_told_what_works(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert main(["-p", "hi"]) == 2
    assert "WSL" in capsys.readouterr().err
    assert main(["--version"]) == 0
