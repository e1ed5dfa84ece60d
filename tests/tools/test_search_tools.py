"""Glob and Grep find what is meant, in pieces of a bearable size."""

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Bench
else:
    Bench = object


@pytest.fixture
def project(bench: Bench) -> Bench:
    bench.file("src/app.py", "import os\ndef main():\n    pass\n")
    bench.file("src/web/page.ts", "export const main = 1\n")
    bench.file("README.md", "main\n")
    return bench


async def test_glob_lists_files(project: Bench):
    assert await project.text("glob", pattern="**/*.py") == "src/app.py"
    assert await project.text("glob", pattern="*.ts", path="src/web") == "src/web/page.ts"
    assert await project.text("glob", pattern=f"{project.root}/src/**/*.ts") == "src/web/page.ts"
    assert await project.text("glob", pattern="../../*.md", path="src/web") == "README.md"


async def test_glob_says_when_nothing_matches(project: Bench):
    assert "No file matches *.rs in src" in await project.text("glob", pattern="*.rs", path="src")
    assert "empty" in await project.refusal("glob", pattern=" ")
    assert "not a folder" in await project.refusal("glob", pattern="*", path="README.md")
    assert "Did you mean src" in await project.refusal("glob", pattern="*", path="srcs")


async def test_glob_names_two_hundred_files_and_says_how_many_there_are(project: Bench):
    for n in range(250):
        project.file(f"many/{n}.txt")
    text = await project.text("glob", pattern="many/*")
    assert text.count("\n") == 200
    assert "200 of 250" in text


async def test_grep_shows_files_lines_or_counts(project: Bench):
    assert set((await project.text("grep", pattern="main")).splitlines()) == {
        "src/app.py",
        "src/web/page.ts",
        "README.md",
    }
    text = await project.text("grep", pattern="DEF", output_mode="content", **{"-i": True, "-A": 1, "-B": 1})
    assert text.splitlines() == [
        "src/app.py-1-import os",
        "src/app.py:2:def main():",
        "src/app.py-3-    pass",
    ]
    text = await project.text(
        "grep", pattern="def", output_mode="content", path="src", **{"-C": 1, "-n": False}
    )
    assert text.splitlines()[1] == "src/app.py:def main():"
    assert await project.text("grep", pattern="main", path="README.md", output_mode="count") == "README.md:1"
    assert await project.text("grep", pattern="main", glob="*.ts") == "src/web/page.ts"
    assert await project.text("grep", pattern="main", type="py") == "src/app.py"


async def test_grep_across_lines_works_without_being_told(project: Bench):
    output = await project.call("grep", pattern="os\\ndef", output_mode="content")
    assert [r.kind for r in output.repairs] == ["multiline"]
    assert "src/app.py:1:import os" in output.parts[0].model_dump()["text"]


async def test_grep_goes_on_where_it_stopped(project: Bench):
    project.file("many.txt", "".join(f"needle {n}\n" for n in range(500)))
    arguments: dict[str, Any] = {"pattern": "needle", "path": "many.txt", "output_mode": "content"}
    first = await project.text("grep", **arguments)
    assert "[lines 1-200 of 500; go on with offset=200, or narrow the search]" in first
    second = await project.text("grep", **arguments, offset=200, head_limit=5)
    assert second.splitlines()[0] == "many.txt:201:needle 200"
    assert len(second.splitlines()) == 6
    assert "past their end" in await project.text("grep", **arguments, offset=900)


async def test_grep_results_are_bounded(project: Bench):
    project.file("wide.txt", ("needle" + "x" * 450 + "\n") * 1000)
    text = await project.text("grep", pattern="needle", output_mode="content", head_limit=1000)
    assert len(text) < 41_000
    assert "go on with offset=" in text


async def test_grep_says_when_nothing_matches_and_why_that_may_be(project: Bench):
    text = await project.text("grep", pattern="zebra", path="src", glob="*.py")
    assert "path=src, glob=*.py" in text
    assert "Ignored" in text


async def test_grep_refuses_what_cannot_be_searched(project: Bench):
    assert "regular expression" in await project.refusal("grep", pattern="main(")
    assert "empty" in await project.refusal("grep", pattern="")
    assert "Did you mean README.md" in await project.refusal("grep", pattern="x", path="REEDME.md")


async def test_pipes_and_devices_are_not_searched(project: Bench):
    os.mkfifo(project.root / "pipe")
    for name in ("pipe", "/dev/zero"):
        assert "cannot be searched" in await project.refusal("grep", pattern="x", path=name)


async def test_a_misspelt_folder_is_found_and_told(project: Bench):
    output = await project.call("grep", pattern="export", path="SRC")
    assert [r.kind for r in output.repairs] == ["case"]
    assert output.parts[0].model_dump()["text"] == "[src]\nsrc/web/page.ts"


async def test_searching_needs_leave_to_read_the_folder(project: Bench):
    for tool, arguments in (("glob", {"pattern": "*"}), ("grep", {"pattern": "x"})):
        invocation = await project.prepare(tool, {**arguments, "path": "src"})
        assert invocation.rule == "Read(src/**)"
        assert not invocation.side_effects
        assert invocation.access.reads == {project.root / "src"}
        assert (await project.prepare(tool, arguments)).rule == "Read"
