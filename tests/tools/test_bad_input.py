"""Whatever a model writes, a tool answers or refuses in words that can be sent; it never breaks."""

import json
import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from kcode.types.errors import ToolError
from kcode.types.messages import TextPart

if TYPE_CHECKING:
    from conftest import Bench
else:
    Bench = object

PATHS = (
    *("a.txt", "u16.txt", "binary", "empty", "folder", "link", "bad.ipynb", "null.ipynb", "bad.png", "pipe"),
    *("none", "", " ", "..", ".", "/", "~", "/dev/null", "a\0", "\ud800", "*", "folder/new", "[x", "a.txt/x"),
    *("/proc/self/mem", "x" * 300, "a.txt:2", "b/a.txt", "\\a.txt"),
)
TEXTS = (
    "",
    "a",
    "b\n",
    "\r\n",
    "\ud83d",
    "é",
    "[",
    "(?=",
    "**",
    "a\0b",
    "-e",
    "x" * 5000,
    "{a,b",
    "!a",
    "~",
    "\\",
)
NUMBERS = (0, 1, -1, 3, -5, 10**9, -(10**12))


def fill(bench: Bench) -> None:
    bench.file("a.txt", b"a\r\nb\n\rc")
    bench.file("u16.txt", "héllo\nw\n".encode("utf-16"))
    bench.file("binary", bytes(range(256)) * 4)
    bench.file("empty")
    bench.file("bad.ipynb", '{"cells": [{"cell_type": 1}]}')
    bench.file("null.ipynb", '{"cells": [null]}')
    bench.file("bad.png", b"\x89PNG\r\n\x1a\nxxxx")
    (bench.root / "folder").mkdir()
    (bench.root / "link").symlink_to("a.txt")
    os.mkfifo(bench.root / "pipe")


def arguments(tool: str, pick: random.Random) -> dict[str, Any]:
    path, text, number = pick.choice(PATHS), pick.choice(TEXTS), pick.choice(NUMBERS)
    match tool:
        case "read":
            return {"file_path": path, "offset": number, "limit": pick.choice(NUMBERS)}
        case "edit":
            more = {"replace_all": pick.random() < 0.3}
            return {"file_path": path, "old_string": text, "new_string": pick.choice(TEXTS), **more}
        case "write":
            # Never above the workspace: a write that works must not touch this machine.
            inside = path if not path.startswith(("/", "~", "..", " ")) else "new"
            return {"file_path": inside, "content": text}
        case "glob":
            return {
                "pattern": pick.choice([path, text]),
                "path": pick.choice(["", "folder", "a.txt", "none"]),
            }
        case "grep":
            options = {"-A": number, "-i": True, "head_limit": pick.choice(NUMBERS), "offset": number}
            mode = pick.choice(["content", "count", "files_with_matches"])
            where = pick.choice(["", "folder", "a.txt", "binary", "pipe", "u16.txt"])
            kinds = {
                "glob": pick.choice(["", "*.txt", "{a", "[", "!x"]),
                "type": pick.choice(["", "py", "zz"]),
            }
            return {"pattern": text, "path": where, "output_mode": mode, **kinds, **options}
        case _:
            command = pick.choice(["status", "diff", "log", "show", "blame", "branch"])
            return {"command": command, "args": [pick.choice([text, path, "-s", "--x", "HEAD", "--"])]}


@pytest.mark.parametrize("tool", ["read", "edit", "write", "glob", "grep", "git"])
async def test_any_arguments_get_an_answer_or_a_refusal(bench: Bench, tool: str):
    fill(bench)
    pick = random.Random(tool)
    for _ in range(150):
        try:
            output = await bench.call(tool, **arguments(tool, pick))
        except (ToolError, ValidationError) as error:
            words = str(error)
        else:
            words = "".join(part.text for part in output.parts if isinstance(part, TextPart))
            assert json.dumps(output.details) == "{}"
        assert words.encode()
        assert len(words) < 45_000
    assert not [p.name for p in bench.root.iterdir() if ".kcode-" in p.name]
