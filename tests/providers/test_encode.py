"""Bodies of requests: what each dialect sends, and that a body extends the one before."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.providers.dialect import Dialect, choose, target
from kcode.providers.encode import Encoder
from kcode.types.connection import Connection
from kcode.types.messages import (
    AssistantMessage,
    AssistantPart,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
    ToolMessage,
    UserMessage,
    VideoPart,
)
from kcode.types.model import ModelInfo, Request, ToolSpec

_SEES = ModelInfo("kimi-k3", thinking=True, images=True, window=1_000_000)
_PICTURE = ImagePart(media_type="image/png", data="aGk=")
_BASH = ToolSpec(name="bash", description="Runs.", parameters={"type": "object", "properties": {}})
_PLACES = {
    "kimi": "https://api.moonshot.ai/v1",
    "kimi_code": "https://api.kimi.com/coding/v1",
    "kimi_hosted": "https://api.fireworks.ai/inference/v1",
    "openai": "https://api.openai.com/v1",
    "local": "http://127.0.0.1:11434/v1",
    "compatible": "https://models.example/v1",
}


def _encoder(dialect: str = "kimi", info: ModelInfo = _SEES, session: str = "") -> Encoder:
    model = info.id if dialect.startswith("kimi") else "some-model"
    where = target(Connection(_PLACES[dialect], model=model))
    chosen = choose(where)
    assert chosen.name == dialect
    return Encoder(info, chosen, where, session)


def _sent(encoder: Encoder, *messages: Message, system: str = "Be brief.", **rest: Any) -> dict[str, Any]:
    return json.loads(encoder.body(Request(system, messages, (_BASH,), **rest)))


def _user(text: str) -> UserMessage:
    return UserMessage(parts=(TextPart(text=text),))


def _acts(
    *names: str, text: str = "", thinking: str = "", key: str = "reasoning_content"
) -> AssistantMessage:
    parts: list[AssistantPart] = []
    if thinking:
        parts.append(ThinkingPart(text=thinking, key=key))
    if text:
        parts.append(TextPart(text=text))
    parts += [ToolCall(id=f"call_{n}", name=n, arguments="{}") for n in names]
    return AssistantMessage(parts=tuple(parts), finish="tool_calls")


def _result(call_id: str, *parts: TextPart | ImagePart) -> ToolMessage:
    return ToolMessage(call_id=call_id, name="bash", parts=parts or (TextPart(text="ok"),))


def test_the_system_prompt_comes_first_and_an_empty_one_not_at_all():
    assert _sent(_encoder(), _user("hi"))["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [m["role"] for m in _sent(_encoder(), _user("hi"), system="")["messages"]] == ["user"]
    assert [m["role"] for m in _sent(_encoder())["messages"]] == ["system"]


@pytest.mark.parametrize(
    ("dialect", "content"), [("kimi", "absent"), ("kimi_hosted", None), ("compatible", None), ("local", "")]
)
def test_a_response_of_calls_alone_has_the_content_its_server_wants(dialect: str, content: str | None):
    said = _sent(_encoder(dialect), _user("go"), _acts("bash"), _result("call_bash"))["messages"][2]
    assert said.get("content", "absent") == content


def test_kimi_gets_its_reasoning_back_with_every_call_even_where_it_was_hidden():
    encoder = _encoder()
    said = _sent(encoder, _acts("bash", thinking="hm"), _acts("read"), _acts(text="plain"))["messages"][1:]
    assert [m.get("reasoning_content") for m in said] == ["hm", "", None]


def test_a_server_that_asked_for_reasoning_gets_it_from_any_model():
    where = target(Connection(_PLACES["compatible"], model="some-model"))
    encoder = Encoder(ModelInfo("some-model"), replace(choose(where), reasoning="always"), where)
    assert _sent(encoder, _acts("bash"))["messages"][1]["reasoning_content"] == ""


def test_reasoning_goes_back_under_the_key_it_came_under():
    said = _sent(_encoder("compatible"), _acts("bash", thinking="hm", key="reasoning"))["messages"][1]
    assert said["reasoning"] == "hm"
    moonshot = _sent(_encoder("kimi"), _acts("bash", thinking="hm", key="reasoning"))["messages"][1]
    assert moonshot["reasoning_content"] == "hm"
    assert "reasoning" not in moonshot


def test_openai_gets_no_reasoning():
    said = _sent(_encoder("openai"), _acts("bash", thinking="hm"))["messages"][1]
    assert not [key for key in said if "reasoning" in key]


@pytest.mark.parametrize(("dialect", "spelt"), [("kimi", "functions.bash:1"), ("compatible", "call_bash")])
def test_call_and_result_have_the_same_id(dialect: str, spelt: str):
    sent = _sent(_encoder(dialect), _acts("read"), _result("call_read"), _acts("bash"), _result("call_bash"))
    assert sent["messages"][3]["tool_calls"][0]["id"] == sent["messages"][4]["tool_call_id"] == spelt


def test_ids_are_cleaned_for_servers_that_take_few_characters():
    call = AssistantMessage(parts=(ToolCall(id="functions.Bash:0", name="bash", arguments="{}"),))
    sent = _sent(_encoder("compatible"), call, _result("functions.Bash:0"))
    assert (
        sent["messages"][1]["tool_calls"][0]["id"]
        == sent["messages"][2]["tool_call_id"]
        == "functions_Bash_0"
    )


@pytest.mark.parametrize("written", ['{"a": 1}', '{"a":1}}', "{'a': 1}", '{"a": "cut', "", "junk"])
def test_arguments_are_sent_as_valid_json_whatever_was_written(written: str):
    call = AssistantMessage(parts=(ToolCall(id="c", name="bash", arguments=written),))
    arguments = _sent(_encoder(), call, _result("c"))["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert isinstance(json.loads(arguments), dict)


def test_pictures_are_sent_to_models_that_see():
    content = _sent(_encoder(), UserMessage(parts=(TextPart(text="what?"), _PICTURE)))["messages"][1][
        "content"
    ]
    assert [p["type"] for p in content] == ["text", "image_url"]
    assert content[1]["image_url"]["url"] == "data:image/png;base64,aGk="


def test_a_model_that_does_not_see_is_told_what_was_left_out():
    blind = ModelInfo("kimi-k2-thinking", thinking=True)
    video = VideoPart(media_type="video/mp4", data="aGk=")
    sent = _sent(_encoder("kimi", blind), UserMessage(parts=(TextPart(text="see "), _PICTURE, video)))
    content = sent["messages"][1]["content"]
    assert content.startswith("see [a picture was left out")
    assert "a video was left out" in content


def test_pictures_of_results_follow_the_last_result_where_results_are_text():
    encoder = _encoder("compatible")
    step = (_acts("a", "b"), _result("call_a", TextPart(text="one"), _PICTURE), _result("call_b", _PICTURE))
    sent = _sent(encoder, _user("go"), *step, _user("next"))["messages"]
    assert [m["role"] for m in sent] == ["system", "user", "assistant", "tool", "tool", "user", "user"]
    assert [p["type"] for p in sent[5]["content"]].count("image_url") == 2
    assert all(isinstance(m["content"], str) for m in sent if m["role"] == "tool")
    assert _sent(encoder, _user("go"), *step)["messages"] == sent[:6]


def test_kimi_takes_pictures_inside_results():
    sent = _sent(_encoder(), _acts("a"), _result("call_a", _PICTURE))["messages"]
    assert [p["type"] for p in sent[2]["content"]] == ["image_url"]


def test_no_message_is_empty():
    empty = AssistantMessage(parts=(ThinkingPart(text="only thoughts"),))
    sent = _sent(
        _encoder(),
        UserMessage(parts=(TextPart(text=""),)),
        empty,
        _acts("a"),
        _result("call_a", TextPart(text="")),
    )
    assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert all(m.get("content", "none") for m in sent["messages"])


def test_the_cap_of_the_output_is_always_sent_and_fits_the_window():
    small = ModelInfo("kimi-k2", window=20_000, max_output=16_000)
    assert _sent(_encoder("kimi", small), _user("hi"))["max_completion_tokens"] == 16_000
    assert _sent(_encoder("kimi", small), _user("hi"), max_output=500)["max_completion_tokens"] == 500
    assert _sent(_encoder("kimi", small), _user("x" * 30_000))["max_completion_tokens"] < 10_000
    assert _sent(_encoder("kimi", small), _user("x" * 90_000))["max_completion_tokens"] >= 1_000
    assert _sent(_encoder("local", small), _user("hi"))["max_tokens"] == 16_000


def test_a_picture_does_not_count_as_words():
    info = ModelInfo("kimi-k3", window=100_000, max_output=50_000, images=True)
    picture = ImagePart(media_type="image/png", data="A" * 300_000)
    assert _sent(_encoder("kimi", info), UserMessage(parts=(picture,)))["max_completion_tokens"] == 50_000


def test_no_sampling_parameters_are_sent():
    sent = _sent(_encoder(session="s-1"), _user("hi"))
    assert not {"temperature", "top_p", "n", "presence_penalty", "frequency_penalty"} & sent.keys()
    assert sent["stream_options"] == {"include_usage": True}
    assert sent["prompt_cache_key"] == "s-1"


def test_each_family_is_asked_to_think_in_its_own_words():
    k26 = ModelInfo("kimi-k2.6", thinking=True)
    assert _sent(_encoder("kimi", k26), _user("hi"))["thinking"] == {"type": "enabled", "keep": "all"}
    assert "thinking" not in _sent(_encoder("kimi"), _user("hi"))


@pytest.mark.parametrize(
    ("base_url", "model", "effort", "fields"),
    [
        ("https://api.moonshot.ai/v1", "kimi-k3", "medium", {"reasoning_effort": "high"}),
        ("https://api.moonshot.ai/v1", "kimi-k3.1-pro", "off", {"reasoning_effort": "low"}),
        ("https://api.moonshot.ai/v1", "kimi-k3", "", {}),
        ("https://api.moonshot.ai/v1", "kimi-k2.6", "off", {"thinking": {"type": "disabled"}}),
        ("https://api.moonshot.ai/v1", "kimi-k2.7-code", "off", {"thinking": {"type": "enabled", "keep": "all"}}),
        ("https://api.kimi.com/coding/v1", "k3", "max",
         {"thinking": {"type": "enabled", "keep": "all", "effort": "max"}}),
        ("http://10.0.0.1:8000/v1", "moonshotai/Kimi-K3", "off",
         {"chat_template_kwargs": {"thinking": False, "enable_thinking": False}}),
        ("http://10.0.0.1:8000/v1", "moonshotai/Kimi-K3", "max", {"reasoning_effort": "max"}),
        ("https://openrouter.ai/api/v1", "moonshotai/kimi-k3", "max", {"reasoning": {"effort": "high"}}),
        ("https://evil-openrouter.ai/api/v1", "moonshotai/kimi-k3", "max", {"reasoning_effort": "max"}),
        ("https://openrouter.ai/api/v1", "some/model", "off", {"reasoning": {"enabled": False}}),
        ("https://api.openai.com/v1", "gpt-5", "max", {"reasoning_effort": "high"}),
        ("https://vendor.example/v1", "some-model", "", {}),
        ("http://localhost:11434/v1", "qwen3", "off", {"chat_template_kwargs": {"enable_thinking": False}}),
    ],
)  # fmt: skip
def test_effort_is_asked_for_in_the_words_of_each_endpoint(
    base_url: str, model: str, effort: str, fields: dict[str, object]
):
    where = target(Connection(base_url, model=model, effort=effort))
    sent = json.loads(Encoder(ModelInfo(model), choose(where), where).body(Request("", [_user("hi")], [])))
    names = ("thinking", "reasoning_effort", "reasoning", "chat_template_kwargs")
    assert {name: sent[name] for name in names if name in sent} == fields


def test_half_a_surrogate_pair_does_not_stop_a_request():
    assert _sent(_encoder(), _user("x\ud800y"))["messages"][1]["content"] == "x?y"


def _said(text: str, thinking: str) -> AssistantMessage:
    return _acts(text=text, thinking=thinking)


def _called(names: list[str]) -> AssistantMessage:
    return _acts(*names)


_texts = st.text(max_size=20)
_messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(_user, _texts),
    st.builds(_said, _texts, _texts),
    st.builds(_called, st.lists(st.sampled_from(["a", "b"]), max_size=3)),
    st.builds(_result, st.sampled_from(["call_a", "call_b", "call_z"])),
    st.just(UserMessage(parts=(_PICTURE,))),
)


@given(st.lists(_messages, max_size=12), st.sampled_from(sorted(_PLACES)))
def test_every_prefix_of_a_conversation_is_extended_by_the_next(messages: list[Message], dialect: str):
    encoder, fresh = _encoder(dialect), _encoder(dialect)
    bodies = [encoder.body(Request("s", messages[:n], (_BASH,))) for n in range(len(messages) + 1)]
    for n in range(len(messages)):
        shared = json.loads(bodies[n])["messages"]
        assert json.loads(bodies[n + 1])["messages"][: len(shared)] == shared
        assert bodies[n + 1].startswith(bodies[n][: bodies[n].rindex(b"]")])
    assert fresh.body(Request("s", messages, (_BASH,))) == bodies[-1]


def test_a_message_is_encoded_once():
    encoder = _encoder()
    messages: list[Message] = [_user(f"message {i}") for i in range(50)]
    encoder.body(Request("s", messages, (_BASH,)))
    before = {key: encoded.data for key, encoded in encoder._messages.items()}
    encoder.body(Request("s", [*messages, _user("more")], (_BASH,)))
    assert all(encoder._messages[key].data is data for key, data in before.items())
    assert len(encoder._messages) == 51


def test_the_cache_does_not_grow_without_end():
    encoder = _encoder()
    for i in range(6_000):
        encoder.body(Request("s", (_user(f"side question {i}"),), ()))
    assert len(encoder._messages) < 5_000


def test_a_dialect_says_by_its_name_which_module_it_is():
    from kcode.registry import load_all

    for name, dialect in load_all("kcode.providers.dialects", "DIALECT", Dialect).items():
        assert dialect.name == name


@pytest.mark.parametrize(
    ("base_url", "model", "name"),
    [
        ("https://api.moonshot.cn/v1", "kimi-k3", "kimi"),
        ("https://api.kimi.ai/coding/v1", "k3", "kimi_code"),
        ("https://openrouter.ai/api/v1", "moonshotai/kimi-k3", "kimi_routed"),
        ("https://evil-openrouter.ai/api/v1", "moonshotai/kimi-k3", "kimi_hosted"),
        ("https://evil-openrouter.ai/api/v1", "qwen/qwen3-coder", "compatible"),
        ("https://openrouter.ai/api/v1", "qwen/qwen3-coder", "openrouter"),
        ("http://localhost:8000/v1", "moonshotai/Kimi-K2.6", "kimi_hosted"),
        ("http://localhost:11434/v1", "qwen3", "local"),
        ("https://api.openai.com/v1", "gpt-5", "openai"),
        ("https://notmoonshot.ai/v1", "x", "compatible"),
    ],
)
def test_the_dialect_follows_from_the_address_and_the_model(base_url: str, model: str, name: str):
    assert choose(target(Connection(base_url, model=model))).name == name
