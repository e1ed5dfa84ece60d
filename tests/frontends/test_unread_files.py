"""Without leave to read a file nothing of it is told, also not by tools that change files."""

from pathlib import Path
from typing import Any

import pytest
from installed import Place

from kcode.providers.scripted import call, says

LINE = "hunter2 alpha"


def files(place: Place) -> dict[str, Path]:
    (place.home / ".ssh").mkdir()
    found = {
        "the person's key": place.home / ".ssh" / "id_rsa",
        "outside": place.home / "notes.txt",
        "named like a secret": place.folder / ".env",
        "over a link": place.folder / "link.txt",
    }
    for path in [*found.values()][:3]:
        path.write_text(f"first\n{LINE}\nlast\n")
    found["over a link"].symlink_to(found["outside"])
    return found


@pytest.mark.parametrize("mode", ["default", "acceptEdits", "plan"])
async def test_an_edit_that_does_not_fit_shows_nothing_of_a_file_that_may_not_be_read(
    place: Place, mode: str
) -> None:
    paths = [str(path) for path in files(place).values()]
    tries: list[dict[str, Any]] = [
        *(
            {"old_string": old, "new_string": "x"}
            for old in ("alpha hunter", "first\nhunter3 alpha", "nothing")
        ),
        {"edits": [{"old_string": "first", "new_string": "x"}, {"old_string": "second", "new_string": "y"}]},
    ]
    calls = [call("Edit", file_path=path, **one) for path in paths for one in tries]
    done, server = await place.ask([says("", *calls), says("done")], "go", "--permission-mode", mode)
    assert done.status == 0, done.err
    answers = [m["content"] for m in server.stats.requests[-1].json()["messages"] if m["role"] == "tool"]
    assert len(answers) == len(calls)
    assert [answer for answer in answers if "hunter2" in answer or "Not allowed" not in answer] == []


async def test_whether_a_text_is_in_such_a_file_cannot_be_found_out(place: Place) -> None:
    for path in files(place).values():
        pairs = [
            call("Edit", file_path=str(path), old_string=old, new_string="x")
            for old in ("hunter2", "hunter9")
        ]
        _, server = await place.ask(
            [says("", *pairs), says("done")], "go", "--permission-mode", "acceptEdits"
        )
        there, not_there = [
            m["content"] for m in server.stats.requests[-1].json()["messages"] if m["role"] == "tool"
        ]
        assert there == not_there


async def test_in_a_file_that_may_be_read_the_nearest_lines_are_shown(place: Place) -> None:
    (place.folder / "a.txt").write_text(f"first\n{LINE}\nlast\n")
    wrong = call("Edit", file_path="a.txt", old_string="first\nhunter3 alpha", new_string="x")
    _, server = await place.ask([says("", wrong), says("done")], "go")
    answer = next(m for m in server.stats.requests[-1].json()["messages"] if m["role"] == "tool")
    assert LINE in answer["content"]
