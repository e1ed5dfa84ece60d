import asyncio

from engine_bench import MakeBench, Words, assert_legal, file_access, tool

from kcode.app.endings import EndingGuard, Endings
from kcode.app.limits import LimitGuard, Limits
from kcode.engine.guards import Chain
from kcode.engine.ports import Clock
from kcode.providers.scripted import call, says
from kcode.types.errors import ModelError, ToolError
from kcode.types.events import (
    AgentFinished,
    AgentStarted,
    MessageAdded,
    PermissionDecided,
    Retrying,
    TextDelta,
    ToolFinished,
    ToolStarted,
    TurnEnded,
)
from kcode.types.frontend import Decision, PermissionRequest
from kcode.types.messages import Repair, Usage, UserMessage
from kcode.types.tool import ToolContext, ToolOutput, text_output


async def echo(args: Words, _: ToolContext) -> ToolOutput:
    return text_output(args.text)


async def test_a_turn_runs_tools_until_the_model_answers(bench: MakeBench) -> None:
    b = bench([says("Looking.", call("Echo", text="one")), says("Done.")], tool("Echo", echo))
    ended = await b.agent.prompt("go")
    assert ended.stop_reason == "end_turn"
    assert ended.steps == 2
    assert [m.text for m in b.results] == ["one"]
    assert "".join(e.text for e in b.of(TextDelta)) == "Looking.Done."
    assert_legal(b.agent.state.transcript)


async def test_each_request_extends_the_one_before(bench: MakeBench) -> None:
    steps = [says("", call("Echo", text=str(i))) for i in range(20)]
    b = bench([*steps, says("Done.")], tool("Echo", echo))
    await b.agent.prompt("go")
    for earlier, later in zip(b.model.requests, b.model.requests[1:], strict=False):
        assert later.system == earlier.system
        assert tuple(later.tools) == tuple(earlier.tools)
        assert list(later.messages)[: len(earlier.messages)] == list(earlier.messages)


async def test_results_come_in_the_order_of_the_calls_and_independent_ones_overlap(bench: MakeBench) -> None:
    order: list[str] = []
    second_done = asyncio.Event()

    async def run(args: Words, _: ToolContext) -> ToolOutput:
        order.append(f"start {args.text}")
        if args.text == "a":
            await asyncio.wait_for(second_done.wait(), 5)
        else:
            second_done.set()
        order.append(f"end {args.text}")
        return text_output(args.text)

    steps = [says("", call("W", text="a"), call("W", text="b")), says("Done.")]
    b = bench(steps, tool("W", run, access=file_access))
    await b.agent.prompt("go")
    assert order == ["start a", "start b", "end b", "end a"]
    assert [m.text for m in b.results] == ["a", "b"]
    assert [e.call_id for e in b.of(ToolFinished)] == [b.results[1].call_id, b.results[0].call_id]


async def test_calls_on_one_file_run_one_after_the_other_and_are_prepared_anew(bench: MakeBench) -> None:
    content = {"text": "0"}

    async def run(args: Words, _: ToolContext) -> ToolOutput:
        before = content["text"]
        await asyncio.sleep(0.01)
        content["text"] = before + "+"
        return text_output(content["text"])

    steps = [says("", *(call("W", text="same") for _ in range(4))), says("Done.")]
    b = bench(steps, tool("W", run, access=file_access))
    await b.agent.prompt("go")
    assert [m.text for m in b.results] == ["0+", "0++", "0+++", "0++++"]


async def test_a_call_below_a_folder_waits_for_one_that_writes_the_folder(bench: MakeBench) -> None:
    running = 0

    async def run(args: Words, _: ToolContext) -> ToolOutput:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.01)
        running -= 1
        return text_output(args.text)

    steps = [says("", call("W", text="dir"), call("W", text="dir/file")), says("Done.")]
    b = bench(steps, tool("W", run, access=file_access))
    await b.agent.prompt("go")
    assert not any(m.is_error for m in b.results)


async def test_errors_become_results_and_the_turn_goes_on(bench: MakeBench) -> None:
    async def fail(args: Words, _: ToolContext) -> ToolOutput:
        if args.text == "tool":
            raise ToolError("No such thing; try another.")
        raise RuntimeError("a bug")

    steps = [
        says("", call("Fail", text="tool"), call("Fail", text="bug"), call("Nope"), call("Fail", text="x")),
        says("Done."),
    ]
    b = bench(steps, tool("Fail", fail))
    ended = await b.agent.prompt("go")
    assert ended.stop_reason == "end_turn"
    assert all(m.is_error for m in b.results)
    assert b.results[0].text == "No such thing; try another."
    assert "RuntimeError: a bug" in b.results[1].text
    assert "no tool named 'Nope'" in b.results[2].text
    assert_legal(b.agent.state.transcript)


async def test_a_tool_name_that_differs_in_spelling_only_is_understood(bench: MakeBench) -> None:
    b = bench([says("", call("functions.echo", text="hi")), says("Done.")], tool("Echo", echo))
    await b.agent.prompt("go")
    assert b.results[0].text == "hi"
    assert [r.kind for e in b.of(ToolFinished) for r in e.repairs] == ["tool-name"]


async def test_a_refused_call_gets_the_reason_and_the_others_run(bench: MakeBench) -> None:
    async def authorize(request: PermissionRequest) -> Decision:
        if request.arguments.get("text") == "bad":
            return Decision("reject_once", feedback="Use the other file.", source="user")
        return Decision("allow_once", source="")

    steps = [says("", call("Echo", text="bad"), call("Echo", text="good")), says("Done.")]
    b = bench(steps, tool("Echo", echo), authorize=authorize)
    await b.agent.prompt("go")
    assert [(m.text, m.is_error) for m in b.results] == [("Use the other file.", True), ("good", False)]
    assert [e.allowed for e in b.of(PermissionDecided)] == [False]
    assert [e.arguments for e in b.of(ToolStarted)] == [{"text": "good"}]


async def test_cancelling_a_question_ends_the_turn_with_every_call_answered(bench: MakeBench) -> None:
    async def authorize(request: PermissionRequest) -> Decision:
        return Decision("cancelled" if request.arguments.get("text") == "ask" else "allow_once", source="")

    steps = [
        says("", call("Echo", text="a"), call("Echo", text="ask"), call("Echo", text="c")),
        says("Done."),
    ]
    b = bench(steps, tool("Echo", echo, access=file_access), authorize=authorize)
    ended = await b.agent.prompt("go")
    assert ended.stop_reason == "cancelled"
    assert len(b.results) == 3
    assert_legal(b.agent.state.transcript)
    assert len(b.model.requests) == 1


async def test_what_is_said_meanwhile_reaches_the_model_before_its_next_response(bench: MakeBench) -> None:
    async def say(args: Words, _: ToolContext) -> ToolOutput:
        b.agent.steer("And mind the tests.")
        return text_output("ok")

    b = bench([says("", call("Say")), says("Yes.")], tool("Say", say))
    await b.agent.prompt("go")
    last = b.model.requests[-1].messages[-1]
    assert isinstance(last, UserMessage)
    assert last.text == "And mind the tests."


async def test_steering_at_the_last_response_makes_another_step(bench: MakeBench) -> None:
    b = bench([says("Done."), says("Also done.")])

    async def listen() -> None:
        while not b.of(TextDelta):
            await asyncio.sleep(0)
        b.agent.steer("One more thing.")

    listener = asyncio.create_task(listen())
    ended = await b.agent.prompt("go")
    await listener
    assert ended.steps == 2
    assert b.agent.unsteer() == []


async def test_a_failing_request_is_repeated_visibly_and_then_given_up(bench: MakeBench) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    busy = ModelError("busy", kind="overloaded", retry_after=7)
    b = bench([busy, ModelError("gone", kind="network"), says("Done.")], sleep=sleep)
    ended = await b.agent.prompt("go")
    assert ended.stop_reason == "end_turn"
    assert waits[0] == 7
    assert [e.kind for e in b.of(Retrying)] == ["overloaded", "network"]

    b = bench([ModelError("no money", kind="quota"), says("never")], sleep=sleep)
    ended = await b.agent.prompt("go")
    assert ended.error is not None
    assert (ended.stop_reason, ended.error.kind, ended.note) == ("error", "quota", "no money")
    assert len(b.model.requests) == 1


async def test_the_number_of_retries_is_bounded(bench: MakeBench) -> None:
    async def sleep(seconds: float) -> None:
        assert seconds > 0

    b = bench([ModelError("down", kind="server") for _ in range(50)], sleep=sleep)
    ended = await b.agent.prompt("go")
    assert ended.error is not None
    assert ended.error.transient
    assert 2 < len(b.model.requests) < 12


async def test_limits_end_a_turn_in_words(bench: MakeBench) -> None:
    def hooks() -> Chain:
        return Chain([LimitGuard(Limits(steps=3), Clock())])

    b = bench((says("", call("Echo", text="x")) for _ in range(99)), tool("Echo", echo), hooks=hooks)
    ended = await b.agent.prompt("go")
    assert (ended.stop_reason, ended.limit, ended.steps) == ("max_turn_requests", "turns", 3)
    assert "3 steps" in ended.note
    assert_legal(b.agent.state.transcript)


async def test_a_budget_is_that_of_the_turn(bench: MakeBench) -> None:
    def hooks() -> Chain:
        return Chain([LimitGuard(Limits(usd=0.25), Clock())])

    paid = Usage(input=10, output=10, cost=0.1)
    steps = [says("", call("Echo", text="x"), usage=paid) for _ in range(99)]
    b = bench(steps, tool("Echo", echo), hooks=hooks)
    for _ in range(2):
        ended = await b.agent.prompt("go")
        assert (ended.limit, ended.steps) == ("budget", 3)


async def test_an_empty_answer_is_asked_for_again_a_few_times_and_then_told(bench: MakeBench) -> None:
    b = bench([says(thinking="hm") for _ in range(9)], hooks=lambda: Chain([EndingGuard(Endings(empty=2))]))
    ended = await b.agent.prompt("go")
    assert ended.steps == 3
    assert ended.note == "The model stopped without an answer."


async def test_a_cut_off_answer_is_continued(bench: MakeBench) -> None:
    b = bench([says("Part one", finish="length"), says("and two.")], hooks=EndingGuard)
    ended = await b.agent.prompt("go")
    assert (ended.stop_reason, ended.steps) == ("end_turn", 2)


async def test_a_sub_agent_has_a_transcript_of_its_own(bench: MakeBench) -> None:
    async def delegate(args: Words, context: ToolContext) -> ToolOutput:
        return text_output(await context.spawn(args.text, call_id=context.call_id))

    steps = [
        says("", call("Agent", text="find it")),
        says("", call("Echo", text="sub")),
        says("Found."),
        says("Done."),
    ]
    b = bench(steps, tool("Agent", delegate), tool("Echo", echo))
    ended = await b.agent.prompt("go")
    assert ended.stop_reason == "end_turn"
    assert [m.text for m in b.results] == ["Found."]
    assert [e.child for e in b.of(AgentStarted)] == ["main/1"] == [e.child for e in b.of(AgentFinished)]
    child = [e for e in b.of(MessageAdded) if e.agent == "main/1"]
    assert len(child) == 4
    assert [t.name for t in b.model.requests[1].tools] == ["Echo"]


async def test_three_hundred_steps_in_a_row(bench: MakeBench) -> None:
    b = bench([*(says("", call("Echo", text=str(i))) for i in range(300)), says("Done.")], tool("Echo", echo))
    ended = await b.agent.prompt("go")
    assert (ended.stop_reason, ended.steps) == ("end_turn", 301)
    assert_legal(b.agent.state.transcript)


async def test_an_event_of_the_end_is_emitted_even_if_kcode_itself_fails(bench: MakeBench) -> None:
    def broken(_: object) -> object:
        raise RuntimeError("a bug in the model's code")

    b = bench([broken])
    ended = await b.agent.prompt("go")
    assert ended.error is not None
    assert ended.error.kind == "internal"
    assert b.of(TurnEnded) == [ended]


async def test_a_model_that_writes_its_calls_is_shown_how_when_it_forgets_one(bench: MakeBench) -> None:
    written = says("", call("Echo", text="x"))
    written = written.model_copy(update={"repairs": (Repair(place="wire", kind="written_call"),)})
    b = bench([written, says("I will run the file."), says("Done.")], tool("Echo", echo), hooks=EndingGuard)
    await b.agent.prompt("go")
    nudge = b.model.requests[-1].messages[-1]
    assert isinstance(nudge, UserMessage)
    assert "What comes next?" in nudge.text

    shown = says("You can run it:\n\n```bash\npython3 x.py\n```\n")
    b = bench([written, shown, says("Done.")], tool("Echo", echo), tool("Bash", echo), hooks=EndingGuard)
    await b.agent.prompt("go")
    nudge = b.model.requests[-1].messages[-1]
    assert isinstance(nudge, UserMessage)
    assert '{"name": "Bash", "arguments": {"command": "python3 x.py"}}' in nudge.text
    assert "You can run it" not in str(b.model.requests[-1].messages)

    plan = says(
        'First:\n\n```json\n{"name": "Echo", "arguments": {"text": "x"}}\n```\n\nThen I explain the rest.'
    )
    b = bench([plan, says("Done.")], tool("Echo", echo), hooks=EndingGuard)
    await b.agent.prompt("go")
    assert len(b.model.requests) == 2

    b = bench(
        [says("", call("Echo", text="x")), says("I will run the file."), says("Done.")],
        tool("Echo", echo),
        hooks=EndingGuard,
    )
    await b.agent.prompt("go")
    nudge = b.model.requests[-1].messages[-1]
    assert isinstance(nudge, UserMessage)
    assert "{" not in nudge.text
