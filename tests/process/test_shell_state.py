"""What a shell wrote down is read back exactly, whatever the shell and whatever the value."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.process.shell import Shell, command_line, find_shell, parse_exports, read_state, taint
from kcode.process.spawn import run

SHELLS = [Shell("/bin/bash", "bash"), Shell("/bin/sh", "sh")]
VALUES = [
    "",
    "a b",
    "it's",
    '"quoted"',
    "$HOME `x` \\",
    "two\nlines",
    "\ttab",
    "né 你好",
    "\x01\x1b[31m",
    "a\\nb",
    "'\"'\"'",
]


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    return Path(os.path.realpath(tmp_path))


@pytest.fixture(params=SHELLS, ids=lambda s: Path(s.path).name)
def shell(request: pytest.FixtureRequest) -> Shell:
    found: Shell = request.param
    if not Path(found.path).exists():
        pytest.skip(f"{found.path} is not here")
    return found


async def test_every_value_survives(shell: Shell, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], **{f"V{n}": value for n, value in enumerate(VALUES)}}

    await run(command_line(shell, "true", tmp_path / "s"), cwd=tmp_path, env=env)
    state = read_state(tmp_path / "s", env)

    assert state is not None
    assert state.env == env
    assert state.cwd == tmp_path


async def test_bytes_that_are_no_text_survive(shell: Shell, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "RAW": os.fsdecode(b"a\xff\xfe b")}

    await run(command_line(shell, "true", tmp_path / "s"), cwd=tmp_path, env=env)
    state = read_state(tmp_path / "s", env)

    assert state is not None
    assert os.fsencode(state.env["RAW"]) == b"a\xff\xfe b"


async def test_names_that_no_shell_knows_pass_through(shell: Shell, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "with.dot": "1"}

    await run(command_line(shell, "export NEW=2", tmp_path / "s"), cwd=tmp_path, env=env)
    state = read_state(tmp_path / "s", env)

    assert state is not None
    assert state.env == {**env, "NEW": "2"}


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("export A=1; exit 7", 7),
        ("set -e; export A=1; false; echo never", 1),
        ("export A=1; trap 'exit 4' EXIT", 4),
        ("set -u; export A=1", 0),
        ("export A=1; (exit 3)", 3),
        ("set -a; A=1", 0),
        ("set -C; export A=1", 0),
        ("export A=1; cd() { :; }; pwd() { echo lie; }; printf() { :; }", 0),
    ],
)
async def test_the_state_is_kept_however_a_command_ends(
    shell: Shell, tmp_path: Path, command: str, status: int
) -> None:
    env = {"PATH": os.environ["PATH"]}

    result = await run(command_line(shell, command, tmp_path / "s"), cwd=tmp_path, env=env)
    state = read_state(tmp_path / "s", env)

    assert (result.status, result.stdout, result.stderr) == (status, b"", b"")
    assert state is not None
    assert state.env == {**env, "A": "1"}
    assert state.cwd == tmp_path


@pytest.mark.parametrize("command", ["export A=1; exec true", "export A=1; kill -9 $$"])
async def test_what_ends_without_a_word_changes_nothing(shell: Shell, tmp_path: Path, command: str) -> None:
    env = {"PATH": os.environ["PATH"]}

    await run(command_line(shell, command, tmp_path / "s"), cwd=tmp_path, env=env)

    assert read_state(tmp_path / "s", env) is None


async def test_a_command_sees_no_arguments_and_its_own_line_numbers(tmp_path: Path) -> None:
    shell = find_shell(os.environ["PATH"], Path.cwd())
    if shell.kind != "bash":
        pytest.skip("line numbers are bash's")

    line = command_line(shell, 'echo "$#"\nno_such_command', tmp_path / "s")
    result = await run(line, cwd=tmp_path)

    assert result.stdout == b"0\n"
    assert b"line 2: no_such_command: command not found" in result.stderr


async def test_tracing_shows_only_the_command_itself(shell: Shell, tmp_path: Path) -> None:
    result = await run(command_line(shell, "set -x\necho hi", tmp_path / "s"), cwd=tmp_path)

    assert b"kcode" not in result.stderr
    assert b"export" not in result.stderr


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True),
        st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    )
)
def test_posix_quoting_is_read_back(values: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        return "'" + value.encode().decode("latin-1").replace("'", "'\"'\"'") + "'"

    text = "".join(f"export {name}={quoted(value)}\n" for name, value in values.items())

    assert parse_exports(text) == values


@pytest.mark.parametrize("text", ["rm -rf /\n", 'declare -x A="1" B\n', "export A='open\n"])
def test_anything_else_is_refused(text: str) -> None:
    assert parse_exports(text) is None


def test_a_variable_without_a_value_is_none() -> None:
    assert parse_exports('declare -x A\ndeclare -rx B="1"\n') == {"B": "1"}


@pytest.mark.parametrize(
    "name", ["PATH", "LD_PRELOAD", "PYTHONPATH", "GIT_DIR", "BASH_ENV", "GIT_PAGER", "HOME"]
)
def test_a_variable_that_changes_what_a_command_means_is_named(name: str) -> None:
    assert taint({"A": "1"}, {"A": "1", name: "x"}) == name
    assert taint({name: "x"}, {}) == name


def test_other_variables_taint_nothing() -> None:
    assert taint({}, {"DEBUG": "1", "VIRTUAL_ENV": "/x", "LANG": "C"}) == ""


async def test_a_second_shell_starts_where_the_first_stopped(shell: Shell, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"]}
    cwd = tmp_path
    (tmp_path / "a b").mkdir()

    for n, expected in enumerate((tmp_path / "a b", tmp_path, tmp_path / "a b")):
        line = command_line(shell, 'export N="$N x"; cd "a b" 2>/dev/null || cd ..', tmp_path / f"s{n}")
        await run(line, cwd=cwd, env=env)
        state = read_state(tmp_path / f"s{n}", env)
        assert state is not None
        assert state.cwd == expected
        env, cwd = dict(state.env), expected

    assert env["N"] == " x x x"
