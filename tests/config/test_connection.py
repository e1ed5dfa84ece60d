from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.config.connection import clean_url, is_loopback, missing_text, resolve, warnings
from kcode.config.options import Options
from kcode.config.schema import Settings
from kcode.types.connection import Connection
from kcode.types.errors import ConfigError


class Stored:
    """Keys as if they were stored."""

    def __init__(self, keys: Mapping[str, str] | None = None) -> None:
        self._keys = keys or {}

    def get(self, vendor: str) -> str:
        return self._keys.get(vendor, "")

    def place(self, vendor: str) -> str:
        return "a safe" if vendor in self._keys else ""


def connect(
    environ: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    stored: Mapping[str, str] | None = None,
    **flags: Any,
) -> Connection | None:
    options = Options(cwd=Path("/"), **flags)
    return resolve(options, Settings.model_validate(settings or {}), environ or {}, Stored(stored))


def where(connection: Connection | None) -> tuple[str, str, str]:
    assert connection is not None
    return connection.base_url, connection.api_key, connection.source


EVERYTHING = {
    "KCODE_BASE_URL": "https://own.example/v1",
    "KCODE_API_KEY": "own-key",
    "KCODE_MODEL": "own-model",
    "MOONSHOT_API_KEY": "moon-key",
    "OPENAI_API_KEY": "oa-key",
    "OPENROUTER_API_KEY": "or-key",
}
SETTINGS = {"baseUrl": "https://set.example/v1", "model": "set-model"}


def test_kcodes_own_variables_win_over_everything() -> None:
    connection = connect(EVERYTHING, SETTINGS, {"moonshot": "stored-key"})
    assert where(connection) == ("https://own.example/v1", "own-key", "KCODE_BASE_URL")
    assert connection is not None
    assert connection.model == "own-model"


def test_then_come_settings_stored_keys_and_the_vendors_variables_in_turn() -> None:
    environ = {name: value for name, value in EVERYTHING.items() if not name.startswith("KCODE")}
    assert where(connect(environ, SETTINGS, {"moonshot": "s"}))[0] == "https://set.example/v1"
    assert where(connect(environ, {}, {"openrouter": "s"})) == (
        "https://openrouter.ai/api/v1",
        "s",
        "the stored key of openrouter",
    )
    assert where(connect(environ)) == ("https://api.moonshot.ai/v1", "moon-key", "MOONSHOT_API_KEY")
    del environ["MOONSHOT_API_KEY"]
    assert where(connect(environ)) == ("https://api.openai.com/v1", "oa-key", "OPENAI_API_KEY")
    del environ["OPENAI_API_KEY"]
    assert where(connect(environ)) == ("https://openrouter.ai/api/v1", "or-key", "OPENROUTER_API_KEY")
    assert connect({}) is None


def test_the_model_comes_from_the_flag_the_variable_or_the_settings() -> None:
    base = {"MOONSHOT_API_KEY": "k"}
    models = [
        connect({**base, "KCODE_MODEL": "v"}, {"model": "s"}, model="f"),
        connect({**base, "KCODE_MODEL": "v"}, {"model": "s"}),
        connect(base, {"model": "s"}),
        connect(base),
    ]
    assert [connection and connection.model for connection in models] == ["f", "v", "s", ""]


def test_kimis_other_variable_works_too_and_china_by_setting() -> None:
    assert where(connect({"KIMI_API_KEY": "k"})) == ("https://api.moonshot.ai/v1", "k", "KIMI_API_KEY")
    connection = connect({"MOONSHOT_API_KEY": "k"}, {"vendor": "moonshot-cn"})
    assert where(connection)[:2] == ("https://api.moonshot.cn/v1", "k")
    assert connection is not None
    assert connection.vendor == "moonshot-cn"


def test_an_openai_address_takes_its_key_along() -> None:
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:8000/v1/"}
    assert where(connect(environ)) == ("http://127.0.0.1:8000/v1", "k", "OPENAI_BASE_URL")


def test_a_key_alone_is_moonshots_unless_an_address_is_set() -> None:
    assert where(connect({"KCODE_API_KEY": "k"}))[:2] == ("https://api.moonshot.ai/v1", "k")
    assert where(connect({"KCODE_API_KEY": "k"}, SETTINGS))[:2] == ("https://set.example/v1", "k")


@pytest.mark.parametrize("host", ["own.example", "api.moonshot.ai.evil.example", "moonshot.ai"])
def test_a_vendors_key_never_goes_to_another_host(host: str) -> None:
    environ = {
        "KCODE_BASE_URL": f"https://{host}/v1",
        "MOONSHOT_API_KEY": "secret",
        "OPENAI_API_KEY": "secret",
        "OPENROUTER_API_KEY": "secret",
    }
    assert where(connect(environ, {}, {"moonshot": "secret", "openai": "secret"}))[1] == ""


def test_a_vendors_key_goes_to_its_own_host_however_it_was_named() -> None:
    environ = {"KCODE_BASE_URL": "https://api.moonshot.cn/v1", "MOONSHOT_API_KEY": "k"}
    connection = connect(environ)
    assert connection is not None
    assert (connection.api_key, connection.vendor) == ("k", "moonshot-cn")


def test_openais_key_belongs_to_the_address_that_stands_beside_it() -> None:
    environ = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://proxy.example/v1"}
    assert where(connect({**environ, "KCODE_BASE_URL": "https://proxy.example"}))[1] == "k"
    assert where(connect({**environ, "KCODE_BASE_URL": "https://api.openai.com/v1"}))[1] == ""
    assert where(connect({**environ, "KCODE_BASE_URL": "http://proxy.example/v1"}))[1] == ""


def test_a_vendor_without_its_key_is_not_replaced_by_another() -> None:
    environ = {"MOONSHOT_API_KEY": "k"}
    assert connect(environ, {"vendor": "openrouter"}, {"moonshot": "s"}) is None


def test_an_unknown_vendor_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean moonshot"):
        connect({}, {"vendor": "moonshoot"})


def test_headers_of_the_settings_go_to_the_settings_endpoint_only() -> None:
    settings = {**SETTINGS, "headers": {"X-Key": "h"}}
    connection = connect({}, settings)
    assert connection is not None
    assert dict(connection.headers) == {"X-Key": "h"}
    other = connect({"KCODE_BASE_URL": "https://own.example"}, settings)
    assert other is not None
    assert dict(other.headers) == {}


def test_a_key_helper_is_run_once_and_only_for_the_settings_endpoint() -> None:
    ran: list[str] = []

    def run(command: str) -> str:
        ran.append(command)
        return "helped\n"

    def with_helper(environ: Mapping[str, str], **more: str) -> Connection | None:
        settings = Settings.model_validate({"apiKeyHelper": "pass show kimi", **more})
        return resolve(Options(cwd=Path("/")), settings, environ, Stored(), run)

    assert where(with_helper({}))[:2] == ("https://api.moonshot.ai/v1", "helped")
    assert where(with_helper({}, baseUrl="https://set.example"))[1] == "helped"
    assert ran == ["pass show kimi"] * 2
    assert where(with_helper({"KCODE_BASE_URL": "https://own.example"}))[1] == ""
    assert where(with_helper({"KCODE_API_KEY": "k"}))[1] == "k"
    assert len(ran) == 2


def test_secrets_are_not_shown_with_the_connection() -> None:
    connection = connect({"KCODE_API_KEY": "sk-secret"}, {"headers": {"X": "sk-secret"}})
    assert "sk-secret" not in repr(connection)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://host/v1", "https://host/v1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host", "https://host/v1"),
        ("https://host/", "https://host/v1"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("https://api.kimi.com/coding/v1", "https://api.kimi.com/coding/v1"),
        ("localhost:11434", "http://localhost:11434/v1"),
        ("127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("host.example/api", "https://host.example/api"),
        ("http://[::1]:8080", "http://[::1]:8080/v1"),
        ("  https://HOST/v1?x=1#y ", "https://host/v1"),
    ],
)
def test_addresses_are_brought_into_one_form(text: str, expected: str) -> None:
    assert clean_url(text, "X") == expected
    assert clean_url(expected, "X") == expected


@pytest.mark.parametrize(
    "text",
    [
        "ftp://host/v1",
        "https://",
        "https://host:port/v1",
        "https://a b/v1",
        "https://me:pw@host",
        "file:///x",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_by_the_name_it_came_under(text: str) -> None:
    with pytest.raises(ConfigError, match="KCODE_BASE_URL") as caught:
        connect({"KCODE_BASE_URL": text})
    assert "pw" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_a_config_error(text: str) -> None:
    try:
        cleaned = clean_url(text, "X")
    except ConfigError:
        return
    assert cleaned.startswith(("http://", "https://"))


def test_a_key_over_plain_http_is_warned_of_unless_it_stays_on_this_machine() -> None:
    assert warnings(Connection("http://host/v1", "k"))
    assert warnings(Connection("http://host/v1", headers={"X": "k"}))
    for harmless in (
        Connection("http://host/v1"),
        Connection("https://host/v1", "k"),
        Connection("http://127.0.0.1:1/v1", "k"),
        Connection("http://[::1]/v1", "k"),
        Connection("http://localhost/v1", "k"),
    ):
        assert warnings(harmless) == ()
    assert not is_loopback("127.0.0.1.evil.example")


def test_three_lines_say_what_to_set() -> None:
    lines = missing_text(Settings()).splitlines()
    assert len(lines) == 3
    assert "MOONSHOT_API_KEY" in lines[0]
    assert "KCODE_BASE_URL" in lines[1]
    assert "OPENROUTER_API_KEY" in missing_text(Settings.model_validate({"vendor": "openrouter"}))


@pytest.mark.parametrize(
    ("environ", "settings", "keys", "source"),
    [
        ({"KCODE_BASE_URL": "http://h/v1", "KCODE_API_KEY": "k"}, {}, {}, "KCODE_API_KEY"),
        (
            {"KCODE_BASE_URL": "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY": "k"},
            {},
            {},
            "MOONSHOT_API_KEY",
        ),
        ({"KCODE_BASE_URL": "https://api.moonshot.ai/v1", "KIMI_API_KEY": "k"}, {}, {}, "KIMI_API_KEY"),
        (
            {"KCODE_BASE_URL": "https://api.moonshot.ai/v1"},
            {},
            {"moonshot": "k"},
            "the stored key of moonshot in a safe",
        ),
        ({"KCODE_BASE_URL": "http://h/v1"}, {}, {}, ""),
        ({"KCODE_API_KEY": "k"}, {"baseUrl": "http://h/v1"}, {}, "KCODE_API_KEY"),
        ({}, {"baseUrl": "http://h/v1", "apiKeyHelper": "print"}, {}, "the settings' apiKeyHelper"),
        ({"MOONSHOT_API_KEY": "k"}, {"vendor": "moonshot-cn"}, {}, "MOONSHOT_API_KEY"),
        ({}, {"vendor": "moonshot"}, {"moonshot": "k"}, "the stored key of moonshot in a safe"),
        ({"MOONSHOT_API_KEY": "k"}, {}, {}, "MOONSHOT_API_KEY"),
        ({}, {}, {"moonshot": "k"}, "the stored key of moonshot in a safe"),
        ({"OPENAI_BASE_URL": "http://h/v1", "OPENAI_API_KEY": "k"}, {}, {}, "OPENAI_API_KEY"),
        (
            {"OPENAI_BASE_URL": "http://h/v1", "OPENAI_API_KEY": "k"},
            {"vendor": "openai"},
            {},
            "OPENAI_API_KEY",
        ),
        ({"KCODE_API_KEY": "k"}, {}, {}, "KCODE_API_KEY"),
    ],
)
def test_it_is_known_where_the_key_came_from(
    environ: Mapping[str, str], settings: Mapping[str, Any], keys: Mapping[str, str], source: str
):
    found = resolve(
        Options(cwd=Path()), Settings.model_validate(settings), environ, Stored(keys), lambda _: "k"
    )
    assert found is not None
    assert (found.key_source, bool(found.api_key)) == (source, bool(source))
