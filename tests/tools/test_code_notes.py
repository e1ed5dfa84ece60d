"""What Read, Edit and Write say about code, and RepoMap."""

import json
from typing import TYPE_CHECKING

from kcode.types.events import MessageAdded
from kcode.types.messages import AssistantMessage, TextPart, ToolCall, ToolMessage

if TYPE_CHECKING:
    from conftest import Bench
else:
    Bench = object

LONG = "def first():\n    return 1\n" + "".join(
    f"\n\nclass Part{n}:\n    def run{n}(self):\n        return {n}\n" for n in range(500)
)


async def test_a_long_file_comes_with_an_outline_of_what_was_left_out(bench: Bench) -> None:
    bench.file("long.py", LONG)
    text = await bench.text("read", file_path="long.py")
    outline = text.partition("[outline of the rest")[2]
    assert "class Part450  [2255-2257]" in outline
    assert "Part1 " not in outline
    assert len(outline) < 6000


async def test_a_short_file_and_a_chosen_part_come_without(bench: Bench) -> None:
    bench.file("long.py", LONG)
    bench.file("short.py", "def f():\n    pass\n")
    assert "[outline" not in await bench.text("read", file_path="short.py")
    assert "[outline" not in await bench.text("read", file_path="long.py", offset=5, limit=10)


async def test_an_edit_that_breaks_the_file_is_made_and_noted(bench: Bench) -> None:
    path = bench.file("a.py", "def f():\n    return 1\n\n\nx = 2\n")
    text = await bench.text("edit", file_path="a.py", old_string="return 1", new_string="return (1")
    assert path.read_text() == "def f():\n    return (1\n\n\nx = 2\n"
    assert "[syntax:" in text
    assert "line 2" in text


async def test_a_mistake_that_was_there_before_is_not_held_against_an_edit(bench: Bench) -> None:
    bench.file("a.py", "def broken(:\n    pass\n\n\n\n\n\n\n\n\ndef f():\n    return 1\n")
    text = await bench.text("edit", file_path="a.py", old_string="return 1", new_string="return 2")
    assert "[syntax" not in text


async def test_a_new_mistake_beside_an_old_one_is_noted(bench: Bench) -> None:
    bench.file("a.json", '{"a": 1,,\n "b": 2,\n "c": 3,\n "d": 4,\n "e": 5,\n "f": 6\n}\n')
    text = await bench.text("edit", file_path="a.json", old_string='"f": 6', new_string='"f": 6,,7')
    assert "[syntax" in text


async def test_mending_a_file_is_not_noted(bench: Bench) -> None:
    bench.file("a.js", "function f( { return 1 }\n")
    text = await bench.text("edit", file_path="a.js", old_string="f( {", new_string="f() {")
    assert "[syntax" not in text


async def test_writing_a_broken_file_is_noted_and_other_files_are_not(bench: Bench) -> None:
    assert "[syntax" in await bench.text("write", file_path="b.json", content='{"a": 1')
    assert "[syntax" not in await bench.text("write", file_path="b.txt", content='{"a": 1')
    assert "[syntax" not in await bench.text("write", file_path="c.json", content='{"a": 1}')


async def test_a_map_names_files_and_their_definitions(bench: Bench) -> None:
    bench.file(
        "app/a.py", "from app.b import helper\n\nclass A:\n    def go(self):\n        return helper()\n"
    )
    bench.file("app/b.py", "def helper():\n    return 1\n")
    assert (await bench.text("repo_map")).startswith("app/b.py\n  def helper()  [1-2]")
    assert (await bench.text("repo_map", focus=["app/a.py"])).startswith("app/b.py")
    assert "[nothing here is called nonsense]" in await bench.text("repo_map", focus=["nonsense"])


async def test_a_symbol_is_found_with_its_lines(bench: Bench) -> None:
    bench.file("app/a.py", "\nclass Alpha:\n    def go(self):\n        pass\n")
    assert await bench.text("repo_map", symbol="Alpha") == "app/a.py:2  class Alpha  [2-4]"
    assert await bench.text("repo_map", symbol="app.a.Alpha") == "app/a.py:2  class Alpha  [2-4]"
    assert "these contain it" in await bench.text("repo_map", symbol="lph")
    assert "Grep" in await bench.text("repo_map", symbol="nowhere")


async def test_a_place_without_code_says_what_to_do(bench: Bench) -> None:
    bench.file("notes.txt", "hello")
    assert "Use Glob and Grep" in await bench.text("repo_map")


async def test_a_read_keeps_a_short_form_of_code_for_later(bench: Bench) -> None:
    bench.file("long.py", LONG)
    bench.file("notes.txt", "words\n" * 100)
    output = await bench.call("read", file_path="long.py", offset=100, limit=150)
    outline = str(output.details["outline"])
    assert "class Part20" in outline
    assert "Part90" not in outline
    assert "outline" not in (await bench.call("read", file_path="notes.txt")).details


def _missed(bench: Bench, call_id: str, *, name: str = "a.txt", failed: bool = True) -> None:
    call = ToolCall(id=call_id, name="Edit", arguments=json.dumps({"file_path": name}))
    bench.state.apply(MessageAdded(message=AssistantMessage(parts=(call,), model="m")))
    answer = ToolMessage(call_id=call_id, name="Edit", parts=(TextPart(text="x"),), is_error=failed)
    bench.state.apply(MessageAdded(message=answer))


async def test_after_a_second_miss_the_file_itself_is_shown(bench: Bench) -> None:
    bench.file("a.txt", "alpha beta gamma\nsecond line\n")
    first = await bench.refusal("edit", file_path="a.txt", old_string="alpha beta delta", new_string="x")
    assert "second edit" not in first
    _missed(bench, "1")
    second = await bench.refusal("edit", file_path="a.txt", old_string="alpha beta delta", new_string="x")
    assert "     1\talpha beta gamma\n     2\tsecond line" in second


async def test_of_a_long_file_the_lines_around_the_place_are_shown(bench: Bench) -> None:
    bench.file("a.txt", "".join(f"line number {n} of many\n" for n in range(1, 1000)))
    _missed(bench, "1")
    text = await bench.refusal(
        "edit", file_path="a.txt", old_string="line number 500 of manx", new_string="x"
    )
    assert "   500\tline number 500 of many" in text
    assert "   400\t" not in text


async def test_a_miss_elsewhere_or_before_a_success_does_not_count(bench: Bench) -> None:
    bench.file("a.txt", "alpha beta gamma\n")
    _missed(bench, "1")
    _missed(bench, "2", failed=False)
    _missed(bench, "3", name="b.txt")
    text = await bench.refusal("edit", file_path="a.txt", old_string="alpha beta delta", new_string="x")
    assert "second edit" not in text


async def test_an_edit_that_was_not_exact_says_how_it_was_found(bench: Bench) -> None:
    bench.file("a.txt", "def f():\n        return  1\n")
    text = await bench.text("edit", file_path="a.txt", old_string="    return 1", new_string="    return 2")
    assert "found by whole lines" in text
