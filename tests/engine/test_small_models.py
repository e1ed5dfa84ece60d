"""Small models are helped from step to step; larger ones are left alone."""

from engine_bench import MakeBench, Words, tool

from kcode.app.endings import EndingGuard, Endings
from kcode.providers.scripted import call, says
from kcode.types.messages import ToolMessage, UserMessage
from kcode.types.tool import ToolContext, ToolOutput, text_output

CODE = "In `calc.py`:\n```python\ndef add(a, b):\n    return a + b\n```"


async def echo(args: Words, _: ToolContext) -> ToolOutput:
    return text_output(args.text)


def small() -> EndingGuard:
    return EndingGuard(small=True)


async def test_a_small_model_sees_the_task_with_each_result_and_a_larger_one_does_not(
    bench: MakeBench,
) -> None:
    for guard, brought in ((small, True), (EndingGuard, False)):
        b = bench([says("", call("Echo", text="x")), says("Done.")], tool("Echo", echo), hooks=guard)
        await b.agent.prompt("tidy the code")
        result = b.model.requests[-1].messages[-1]
        assert isinstance(result, ToolMessage)
        assert ("the task is: tidy the code" in result.text) is brought


async def test_a_larger_model_may_show_code_as_its_answer(bench: MakeBench) -> None:
    b = bench([says(CODE)], hooks=EndingGuard)
    assert (await b.agent.prompt("fix add")).steps == 1


async def test_a_small_model_that_shows_code_twice_is_left_with_it_between_two_calls(
    bench: MakeBench,
) -> None:
    tools = [tool(name, echo) for name in ("Read", "Edit", "Write")]
    b = bench((says(CODE) for _ in range(9)), *tools, hooks=small)
    assert (await b.agent.prompt("fix add")).steps == 3
    b = bench(
        (says(CODE) for _ in range(9)),
        *tools,
        hooks=lambda: EndingGuard(Endings(shown=1), small=True),
    )
    assert (await b.agent.prompt("fix add")).steps == 2


async def test_a_call_that_was_asked_for_is_asked_for_again_where_nothing_comes(bench: MakeBench) -> None:
    tools = [tool(name, echo) for name in ("Read", "Edit", "Write")]
    b = bench([says(CODE), says(thinking="hm"), says("Done.")], *tools, hooks=small)
    await b.agent.prompt("fix add")
    asked = [
        m.text for m in b.model.requests[-1].messages if isinstance(m, UserMessage) and m.origin == "harness"
    ]
    assert len(asked) == 2
    assert all('"name": "Write"' in text for text in asked)
    assert ("```" in asked[0]) != ("```" in asked[1])


async def test_what_mends_a_failing_run_is_asked_in_the_persons_place_once_its_code_was_read(
    bench: MakeBench,
) -> None:
    async def reads(args: Words, _: ToolContext) -> ToolOutput:
        return text_output(f"     1\t{args.text}")

    async def runs(_: Words, __: ToolContext) -> ToolOutput:
        return text_output("test_calc.py:3: AssertionError\n[exit status 1]", is_error=True)

    steps = [
        says("", call("Glob", text="calc.py, test_calc.py")),
        says("", call("Bash", text="pytest")),
        says("", call("Read", text="the code", file_path="calc.py")),
        says("Done."),
        says("Done."),
    ]
    tools = [tool("Glob", echo), tool("Bash", runs), tool("Read", reads), tool("Edit", echo)]
    b = bench(steps, *tools, hooks=small)
    await b.agent.prompt("fix the failing test")
    ran, read, asked = b.model.requests[3].messages[-4:][0], *b.model.requests[3].messages[-2:]
    assert isinstance(ran, ToolMessage)
    assert '"file_path": "calc.py"' in ran.text
    assert isinstance(read, ToolMessage)
    assert "the task is" not in read.text
    assert isinstance(asked, UserMessage)
    assert "How do you fix calc.py?" in asked.text
    assert all("How do you fix" not in m.text for m in b.model.requests[2].messages)


async def test_no_call_is_asked_for_by_name_that_the_model_may_not_or_cannot_make(bench: MakeBench) -> None:
    some = [tool("Glob", echo), tool("Read", echo), tool("Edit", echo)]
    planning = EndingGuard(small=True, acting=lambda: False)
    for tools, guard in ((some, small), ([*some, tool("Bash", echo)], lambda: planning)):
        b = bench([says("", call("Glob", text="test_calc.py")), says("Done.")], *tools, hooks=guard)
        await b.agent.prompt("fix the failing test")
        result = b.model.requests[1].messages[-1]
        assert isinstance(result, ToolMessage)
        assert "What is the next call?" in result.text
