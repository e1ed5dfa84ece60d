"""Three hundred steps with a fault in every tenth response: the task gets done, and nothing wrong is done."""

import json
import random
from collections.abc import Iterator

import pytest
from fault_bench import Faults, chunk, refuses, sse, tool_delta, usage

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


def _leaked(number: int) -> Wire:
    arguments = json.dumps({"command": f"echo {number} >> log"})
    text = (
        f"<|tool_calls_section_begin|><|tool_call_begin|>functions.Bash:{number}<|tool_call_argument_begin|>"
        f"{arguments}<|tool_call_end|><|tool_calls_section_end|>"
    )
    return sse(chunk(content=text), chunk("stop"))


def _mended(number: int) -> Wire:
    arguments = f"{{'command': 'echo {number} >> log', 'run_in_background': False}}"
    return sse(tool_delta("functions.bash", arguments, id="0"), chunk("stop"))


def _cut_call(number: int) -> Wire:
    return sse(tool_delta("Bash", f'{{"command": "echo {number}', id="a"), done=False, end="cut")


def _missing_brace(number: int) -> Wire:
    return sse(tool_delta("Bash", f'{{"command": "echo {number} >> log"', id="a"), chunk("tool_calls"))


def _wrong(number: int) -> Wire:
    two = f'{{"command": "echo {number}1 >> log"}}{{"command": "echo {number}2 >> log"}}'
    return sse(tool_delta("Bash", two, id="a"), chunk("tool_calls"))


def _fault(number: int, choose: random.Random) -> list[Wire]:
    """Faults that stand before the good response, or in its place where they carry the same call."""
    good = sse(*_good(number))
    return choose.choice(
        [
            [
                refuses(
                    429, "reached organization max RPM: 3, please try again after 1 seconds", "rate_limit"
                ),
                good,
            ],
            [refuses(500, "server error", "server_error"), good],
            [Wire([b"<html>502 Bad Gateway</html>"], 502, {"content-type": "text/html"}), good],
            [refuses(503, "overloaded"), good],
            [Wire([], status=0), good],
            [sse(chunk(content="Let me"), done=False, end="cut"), good],
            [_cut_call(number), good],
            [sse(chunk(reasoning_content="hm"), chunk("stop")), good],
            [sse(chunk("stop")), good],
            [_missing_brace(number), good],
            [_wrong(number), good],
            [_leaked(number)],
            [_mended(number)],
            [sse(*_good(number), *_good(number)[1:3])],
            [sse(*_good(number)[:-2], done=False)],
            [sse(chunk("tool_calls")), good],
            [sse(tool_delta("Bash", "{", id="x"), chunk("length")), good],
        ]
    )


def _script(seed: int) -> Iterator[Wire]:
    choose = random.Random(seed)
    for number in range(STEPS):
        if number % 10 == 9:
            yield from _fault(number, choose)
        else:
            yield sse(*_good(number))
    yield sse(chunk(content="All done."), chunk("stop"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_long_session_with_faults_does_each_step_once_and_nothing_else(faults: Faults, seed: int):
    async with faults.over(_script(seed)) as talk:
        ended = await talk.say()
    assert (ended.stop_reason, talk.answers[-1].text) == ("end_turn", "All done.")
    assert talk.refused == []
    assert talk.file("log").split() == [str(number) for number in range(STEPS)]
    assert len({c.id for c in talk.calls()}) == len(talk.calls())
