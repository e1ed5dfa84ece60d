"""Three hundred steps with a fault in every tenth response: the task gets done, and nothing wrong is done."""

import json
import random
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

import pytest
from fault_bench import Faults, chunk, refuses, sse, tool_delta, usage

from kcode.arguments import canonical
from kcode.providers.scripted_wire import Wire

STEPS = 300


def _good(number: int, **more: str) -> list[dict[str, object]]:
    arguments = json.dumps({"command": f"echo {number} >> log"} | more)
    counts = usage(prompt_tokens=5_000 + number, completion_tokens=20, cached_tokens=4_096)
    return [
        chunk(reasoning_content="next"),
        tool_delta("Bash", arguments, id="bash_0"),
        chunk("tool_calls"),
        counts,
    ]


def _arguments(number: int) -> str:
    return json.dumps({"command": f"echo {number} >> log"})


def _k2(number: int, arguments: str) -> str:
    return (
        f"<|tool_calls_section_begin|><|tool_call_begin|>functions.Bash:{number}<|tool_call_argument_begin|>"
        f"{arguments}<|tool_call_end|><|tool_calls_section_end|>"
    )


def _k3(number: int) -> str:
    return (
        '<|open|>tools<|sep|><|open|>call tool="Bash" index="1"<|sep|>'
        '<|open|>argument key="command" type="string"<|sep|>'
        f"echo {number} >> log<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>"
    )


def _written(number: int) -> str:
    return f'{{"name": "Bash", "arguments": {_arguments(number)}}}'


def _says(text: str, finish: str | None = "stop", key: str = "content") -> Wire:
    return sse(chunk(**{key: text}), chunk(finish))


def _calls(arguments: Any, name: str = "Bash", finish: str | None = "tool_calls", **more: Any) -> Wire:
    return sse(tool_delta(name, arguments, **({"id": "bash_0"} | more)), chunk(finish))


def _pieces(number: int, **more: Any) -> Wire:
    text = _arguments(number)
    parts = [p for at in range(0, len(text), 7) for p in (text[at : at + 7],) * 2]
    return sse(*(tool_delta("Bash", part, id="0", **more) for part in parts), chunk("tool_calls"))


def _answers(number: int) -> list[Wire]:
    """Responses that carry the call, whatever is odd about them."""
    arguments, call = _arguments(number), _k2(number, _arguments(number))
    return [
        _says(call),
        _says(f"I go on.{_k3(number)}"),
        _says(call, key="reasoning_content"),
        _says(f"<think>next {call}</think>"),
        _says(call.replace("<|tool_calls_section_begin|><|tool_call_begin|>functions.", "")),
        _says(f"So:\n```json\n{_written(number)}\n```"),
        _says(f"<tool_call>{_written(number)}</tool_call>", finish=None),
        _calls(
            f"{{'command': 'echo {number} >> log', 'run_in_background': False}}", "functions.bash", "stop"
        ),
        _calls(json.dumps(arguments)),
        _calls(f"```json\n{arguments}\n```<|tool_call_end|>"),
        _calls(f"{{}}{arguments}"),
        _calls(json.loads(arguments), index=None, id=7),
        _calls(f'{{"command": "echo {number} >> log", // next\n}}'),
        _pieces(number),
        sse(*_good(number), *_good(number)[1:3]),
        sse(*_good(number)[:-2], done=False),
        sse(": keep-alive", "not json", {"choices": None}, *_good(number)),
    ]


def _failures(number: int) -> list[Wire]:
    """Responses that carry no call that may run; the good one comes after them."""
    rate = "reached organization max RPM: 3, please try again after 1 seconds"
    overloaded = {
        "error": {"message": "The engine is currently overloaded", "type": "engine_overloaded_error"}
    }
    two = f'{{"command": "echo {number}1 >> log"}}{{"command": "echo {number}2 >> log"}}'
    cut = f'{{"command": "echo {number}'
    return [
        refuses(429, rate, "rate_limit_reached_error"),
        refuses(500, "server error", "server_error"),
        Wire([b"<html>502 Bad Gateway</html>"], 502, {"content-type": "text/html"}),
        Wire([b"<html>Sign in</html>"], 200, {"content-type": "text/html"}),
        refuses(503, "overloaded"),
        Wire([], status=0),
        sse(chunk(content="Let me"), done=False, end="cut"),
        sse(chunk(content="Let me"), overloaded, done=False),
        sse(tool_delta("Bash", cut, id="a"), done=False, end="cut"),
        _says("hm", key="reasoning_content"),
        sse(chunk("stop")),
        sse(chunk("tool_calls")),
        _calls(_arguments(number)[:-1]),
        _calls(cut, finish="length"),
        _calls(two),
        _says(_k2(number, cut)),
        _says(_k3(number).split("<|close|>")[0]),
        _says(f"For example:\n```\n{_k2(number, _arguments(number))}\n```\nI will run it now."),
        _says("I will look at the log", finish="length"),
        _says(f"Sure.{_k2(number, '{}')[:30]}"),
    ]


FAULTS = len(_answers(0)) + len(_failures(0))


def _fault(number: int, kind: int) -> list[Wire]:
    answers = _answers(number)
    if kind < len(answers):
        return [answers[kind]]
    return [_failures(number)[kind - len(answers)], sse(*_good(number))]


def _script(seed: int, steps: int) -> Iterator[Wire]:
    """Seeds that follow one another begin at different faults, so that three of them have met every one."""
    kinds = list(range(FAULTS))
    random.Random(seed // 3).shuffle(kinds)
    each = islice(cycle(kinds), FAULTS * (seed % 3) // 3, None)
    for number in range(steps):
        if number % 10 == 9:
            yield from _fault(number, next(each))
        else:
            yield sse(*_good(number))
    yield sse(chunk(content="All done."), chunk("stop"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
async def test_a_long_session_with_faults_does_each_step_once_and_nothing_else(faults: Faults, seed: int):
    async with faults.over(_script(seed, STEPS)) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, talk.answers[-1].text) == ("end_turn", "All done.")
    assert talk.refused == []
    assert talk.file("log").split() == [str(number) for number in range(STEPS)]
    assert len({c.id for c in talk.calls()}) == len(talk.calls())


@pytest.mark.parametrize("kind", range(FAULTS))
async def test_each_fault_of_the_long_sessions_costs_no_step_and_runs_nothing_else(faults: Faults, kind: int):
    steps = [sse(*_good(0)), *_fault(1, kind), sse(*_good(2)), sse(chunk(content="All done."), chunk("stop"))]
    async with faults(*steps) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, talk.answers[-1].text) == ("end_turn", "All done.")
    assert talk.file("log").split() == ["0", "1", "2"]
    assert talk.refused == []
    assert talk.retries or talk.notices or talk.repairs or any(r.is_error for r in talk.results)
    for body in talk.bodies:
        for message in body["messages"]:
            for call in message.get("tool_calls", ()):
                text = call["function"]["arguments"]
                assert canonical(json.loads(text)) == text
