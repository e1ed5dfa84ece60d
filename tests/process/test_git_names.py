import pytest

from kcode.process.git_names import programs


def test_what_every_clone_has_names_no_program() -> None:
    text = """
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
[remote "origin"]
\turl = https://example.org/a.git
\tfetch = +refs/heads/*:refs/remotes/origin/*
\tpromisor = true
\tpartialclonefilter = blob:none
[branch "main"]
\tremote = origin
\tmerge = refs/heads/main
[user]
\tname = A
"""
    assert programs(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "[core]\nfsmonitor = evil",
        "[core] fsmonitor = evil",
        '[branch "x"] [core] fsmonitor = evil',
        '[branch "x"]\nremote = a # \\\n[core]\nfsmonitor = evil',
        '[core]\n#\x0c[branch "x"]\nfsmonitor = evil',
        '[core]\n#\r[branch "x"]\nfsmonitor = evil',
        '[core]\n#\u2028[branch "x"]\nfsmonitor = evil',
        '[branch "x"]\nremote = a\\\n[branch "x"]\n[core]\nfsmonitor = evil',
        '[core]\neditor = a\\\n[branch "x"]\nfsmonitor = evil',
        '[branch "x"]\n[co_re]\nfsmonitor = evil',
        '[branch "a\\"]"]\n[core]\nfsmonitor = evil',
        "[CORE]\nFsMonitor=evil",
        "\ufeff[core]\nfsmonitor = evil",
        '[filter "a\\"b"]\nclean = evil',
        "[include]\npath = evil",
        '[includeIf "gitdir:**"]\npath = evil',
    ],
)
def test_what_names_a_program_is_found_however_it_is_written(text: str) -> None:
    assert any("evil" in line for line in programs(text))
