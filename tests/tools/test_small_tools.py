"""The todo list, questions to the user and sub-agents."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from pydantic import ValidationError

from kcode import registry
from kcode.engine.prepare import tool_specs
from kcode.types.tool import AnyTool, NamedNeed, Tool

if TYPE_CHECKING:
    from conftest import Bench
else:
    Bench = object


async def test_the_todo_list_is_replaced_as_a_whole(bench: Bench):
    todos = [
        {"content": "Look", "status": "completed", "activeForm": "Looking"},
        {"content": "Mend", "status": "in_progress", "activeForm": "Mending"},
        {"content": "Test", "status": "pending"},
    ]
    text = await bench.text("todo_write", todos=todos)
    assert text.splitlines() == ["1 of 3 done.", "[x] Look", "[>] Mend", "[ ] Test"]
    assert [(t.content, t.status, t.active_form) for t in bench.state.todos] == [
        ("Look", "completed", "Looking"),
        ("Mend", "in_progress", "Mending"),
        ("Test", "pending", ""),
    ]
    assert "empty" in await bench.text("todo_write", todos=[])
    assert list(bench.state.todos) == []


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("done", "completed"),
        ("In Progress", "in_progress"),
        ("in-progress", "in_progress"),
        ("todo", "pending"),
    ],
)
async def test_usual_words_for_a_status_are_understood(bench: Bench, word: str, meant: str):
    await bench.call("todo_write", todos=[{"content": "x", "status": word}])
    assert bench.state.todos[0].status == meant


async def test_two_items_in_progress_get_a_remark(bench: Bench):
    todos = [{"content": name, "status": "in_progress"} for name in "ab"]
    assert "one at a time" in await bench.text("todo_write", todos=todos)


async def test_an_unknown_status_is_refused(bench: Bench):
    text = await bench.refusal("todo_write", todos=[{"content": "x", "status": "perhaps"}])
    assert "'perhaps' is no status" in text


@pytest.mark.parametrize("item", [{"content": ""}, {"status": "pending"}])
async def test_an_item_that_means_nothing_is_refused(bench: Bench, item: dict[str, Any]):
    with pytest.raises(ValidationError):
        await bench.call("todo_write", todos=[item])


QUESTION = {
    "question": "Which one?",
    "header": "Choice",
    "options": [{"label": "A", "description": "the first"}, {"label": "B"}],
    "multiSelect": True,
}


async def test_a_question_reaches_the_user_and_the_answer_the_model(bench: Bench):
    bench.answer = "B"
    text = await bench.text("ask_user", questions=[QUESTION, {"question": "And why?"}])
    assert text == "Question: Which one?\nAnswer: B\nQuestion: And why?\nAnswer: B"
    asked = bench.asked[0]
    assert (asked.text, asked.header, asked.multiple) == ("Which one?", "Choice", True)
    assert [(o.label, o.description) for o in asked.options] == [("A", "the first"), ("B", "")]


async def test_where_nobody_answers_the_model_is_told_to_go_on(bench: Bench):
    text = await bench.text("ask_user", questions=[QUESTION, QUESTION])
    assert "most reasonable assumption" in text
    assert len(bench.asked) == 1


async def test_no_question_is_refused(bench: Bench):
    assert "no question" in await bench.refusal("ask_user", questions=[])


async def test_a_task_goes_to_a_sub_agent(bench: Bench):
    assert await bench.text("agent", prompt="Find the bug", description="find bug") == "did: Find the bug"
    await bench.call("agent", prompt="Look", read_only=True)
    assert bench.spawned[0] == ("Find the bug", None)
    allowed = bench.spawned[1][1]
    assert allowed is not None
    assert not {"Bash", "Edit", "Write", "Agent"} & set(allowed)
    assert "empty" in await bench.refusal("agent", prompt=" ")


async def test_sub_agents_run_side_by_side(bench: Bench):
    one, two = [await bench.prepare("agent", {"prompt": name}) for name in "ab"]
    assert not one.access.conflicts(two.access)
    assert one.needs == (NamedNeed("Agent", safe=True),)


def test_every_tool_has_its_text_and_together_they_are_small():
    tools = cast("dict[str, AnyTool]", registry.load_all("kcode.tools", "TOOL", object))
    assert all(isinstance(tool, Tool) for tool in tools.values())
    folder = Path(registry.__file__).parent / "tools"
    for name in tools:
        assert (folder / f"{name}.md").read_text().strip()
    specs = tool_specs({tool.name: tool for tool in tools.values()})
    assert sum(len(spec.model_dump_json().encode()) for spec in specs) < 10_000
    names = [spec.name for spec in specs]
    assert names[:8] == ["Read", "Write", "Edit", "Bash", *names[4:8]]
    assert len(set(names)) == len(names)
