"""Opening a model, choosing one where none is set, and finding servers on this machine."""

import socket
import sys
import time
from dataclasses import replace
from typing import Any

import pytest

from kcode.providers import connect
from kcode.providers.local_servers import find_local_servers
from kcode.providers.reach import unreachable
from kcode.providers.scripted import says
from kcode.providers.scripted_server import ScriptedServer
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError, ModelError
from kcode.types.messages import TextPart, UserMessage
from kcode.types.model import Delta, Request

_HELLO = Request("", (UserMessage(parts=(TextPart(text="hi"),)),), ())


async def _ignore(_: Delta) -> None:
    return


def _offering(*models: dict[str, Any]) -> ScriptedServer:
    server = ScriptedServer([says("hello"), says("again")])
    server.models[:] = models
    return server


async def test_with_a_model_set_the_request_is_the_first_thing_sent():
    async with _offering() as server:
        connection = Connection(server.base_url, model="kimi-k3", window=100_000)
        model = await connect.open_model(connection, environ={})
        assert server.connections == 0
        await model.respond(_HELLO, _ignore)
        assert [r.path for r in server.stats.requests] == ["/v1/chat/completions"]
        await model.close()


async def test_a_server_on_this_machine_is_asked_for_its_window():
    async with _offering({"id": "small", "meta": {"n_ctx": 16_384, "n_ctx_train": 32_768}}) as server:
        model = await connect.open_model(Connection(server.base_url, model="small"), environ={})
        assert model.info.window == 16_384
        await model.respond(_HELLO, _ignore)
        assert server.connections == 1
        await model.close()


async def test_a_model_that_the_list_does_not_name_is_used_all_the_same():
    async with _offering({"id": "other"}) as server:
        model = await connect.open_model(Connection(server.base_url, model="mine"), environ={})
        assert model.info.id == "mine"
        await model.close()


async def test_the_newest_k3_is_chosen_with_the_window_that_is_offered_over_one_connection():
    rows = ({"id": "kimi-k2.6"}, {"id": "kimi-k3", "context_length": 400_000}, {"id": "kimi-k2.7-code"})
    async with _offering(*rows) as server:
        model = await connect.open_model(Connection(server.base_url), environ={})
        assert (model.info.id, model.info.window) == ("kimi-k3", 400_000)
        await model.respond(_HELLO, _ignore)
        assert server.requests[0].json()["model"] == "kimi-k3"
        assert server.connections == 1
        await model.close()


async def test_settings_win_over_what_is_offered():
    async with _offering({"id": "kimi-k3", "context_length": 400_000}) as server:
        model = await connect.open_model(Connection(server.base_url, window=50_000), environ={})
        assert model.info.window == 50_000
        assert model.info.max_output <= 25_000
        await model.close()


async def test_the_only_model_of_a_server_is_chosen():
    async with _offering({"id": "qwen3-coder"}) as server:
        model = await connect.open_model(Connection(server.base_url), environ={})
        assert model.info.id == "qwen3-coder"
        await model.close()


async def test_where_nothing_can_be_chosen_the_offers_are_named():
    async with _offering({"id": "qwen3"}, {"id": "llama4"}) as server:
        with pytest.raises(ConfigError, match=r"llama4, qwen3.*--model"):
            await connect.open_model(Connection(server.base_url), environ={})


async def test_a_server_without_models_is_reported():
    async with _offering() as server:
        with pytest.raises(ConfigError, match="no models at all"):
            await connect.open_model(Connection(server.base_url), environ={})


async def test_a_server_that_lists_nothing_is_asked_for_by_name():
    async with _offering() as server:
        with pytest.raises(ConfigError, match=r"does not say which it has.*--model"):
            await connect.open_model(Connection(f"{server.base_url}/elsewhere/nothing"), environ={})


async def test_a_server_that_is_not_there_is_reported():
    with pytest.raises(ModelError, match=r"could not be reached: http://127\.0\.0\.1"):
        await connect.open_model(Connection(f"http://127.0.0.1:{_closed_port()}/v1"), environ={})


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        (Connection("api.moonshot.ai/v1"), "no base URL; it looks like https://"),
        (Connection(""), "no base URL"),
        (Connection("http://[bad/v1"), "no base URL"),
        (Connection("https://api moonshot.ai/v1"), "no base URL"),
        (Connection("http://127.0.0.1:99999/v1"), "no base URL"),
        (Connection("https://x.example/v1", "sk-\u201cquoted\u201d"), "the API key has characters"),
        (Connection("https://x.example/v1", headers={"X-Team": "a\nb"}), "'X-Team' cannot be sent"),
    ],
)
async def test_settings_that_cannot_work_are_refused_before_anything_is_sent(
    connection: Connection, words: str
):
    with pytest.raises(ConfigError, match=words):
        await connect.open_model(replace(connection, model="kimi-k3", source="a test"), environ={})
    with pytest.raises(ConfigError, match="from a test"):
        await connect.list_models(replace(connection, source="a test"))


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate in chain", "SSL_CERT_FILE"),
        ("[Errno -2] Name or service not known", "check the base URL"),
        ("ConnectTimeout", "in time"),
        ("ProxyError: 407 Proxy Authentication Required", "HTTPS_PROXY"),
    ],
)
def test_a_server_out_of_reach_comes_with_advice(words: str, hint: str):
    error = unreachable("https://x.example/v1", words)
    assert error.kind == "network"
    assert hint in str(error)
    assert "https://x.example/v1" in str(error)


async def test_a_key_pasted_with_a_line_end_is_sent_without_it():
    async with _offering() as server:
        model = await connect.open_model(Connection(server.base_url, " sk-1\n", model="kimi-k3"), environ={})
        await model.respond(_HELLO, _ignore)
        assert server.requests[0].headers["authorization"] == "Bearer sk-1"
        await model.close()


async def test_the_list_of_models_is_completed_by_the_catalogue():
    async with _offering({"id": "kimi-k2.6"}, {"id": "other", "max_model_len": 9_000}) as server:
        found = await connect.list_models(Connection(server.base_url))
    assert [(m.id, m.window, m.label) for m in found] == [
        ("kimi-k2.6", 262_144, "Kimi K2.6"),
        ("other", 9_000, ""),
    ]


def test_preloading_loads_the_package():
    connect.preload()
    assert "openai" in sys.modules


async def test_running_servers_are_found_without_a_key():
    async with _offering({"id": "qwen3"}) as one, _offering({"id": "kimi-k3"}) as two:
        places = tuple((f"server {i}", _port(s)) for i, s in enumerate((one, two)))
        found = await find_local_servers((*places, ("nobody", _closed_port())))
        assert [(s.name, s.base_url, s.models[0].id) for s in found] == [
            ("server 0", one.base_url, "qwen3"),
            ("server 1", two.base_url, "kimi-k3"),
        ]
        assert "authorization" not in one.stats.requests[0].headers


async def test_looking_for_servers_does_not_wait_for_a_silent_one():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        assert await find_local_servers((("silent", silent.getsockname()[1]),)) == []
        assert time.monotonic() - began < 3


def _port(server: ScriptedServer) -> int:
    return int(server.base_url.split(":")[2].split("/")[0])


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
