"""Which tools a model is offered."""

import json

from installed import Done, Place

from kcode.providers.scripted import says
from kcode.providers.scripted_server import ScriptedServer

CORE = {"Read", "Write", "Edit", "Bash", "Glob", "Grep"}


async def offered(place: Place, *flags: str, window: int) -> tuple[set[str], Done]:
    async with ScriptedServer([says("ok")]) as server:
        server.models[0] |= {"context_length": window}
        done = await place.run("-p", "hi", *flags, base_url=server.base_url)
        if not server.requests:
            return set(), done
        body = json.loads(server.requests[0].body)
    return {tool["function"]["name"] for tool in body.get("tools", [])}, done


async def test_a_small_window_gets_the_core_tools_only(place: Place) -> None:
    small, _ = await offered(place, window=16_384)
    large, _ = await offered(place, window=262_144)
    assert small == CORE
    assert small < large


async def test_the_person_may_choose(place: Place) -> None:
    names, _ = await offered(place, "--tools", "Read,Grep", window=16_384)
    assert names == {"Read", "Grep"}
    names, _ = await offered(place, "--tools", "", window=262_144)
    assert names == set()


async def test_an_unknown_tool_is_told(place: Place) -> None:
    _, done = await offered(place, "--tools", "Reed", window=262_144)
    assert done.status == 2
    assert "there is no Reed" in done.err
    assert "Read" in done.err
