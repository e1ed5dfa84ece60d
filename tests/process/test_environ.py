"""Children get the person's environment, without secrets and without anything that would wait for a person."""

import json
import os
from pathlib import Path

import pytest

from kcode.process.environ import classify, clean_environment

SECRET = [
    *(
        "MOONSHOT_API_KEY",
        "AWS_ACCESS_KEY_ID",
        "MY_CREDENTIALS",
        "X_WEBHOOK",
        "PGPASSWORD",
        "BASIC_AUTH",
        "MYSQL_PWD",
    ),
    *("STAGING_DATABASE_URL", "GPG_PASSPHRASE", "npm_config__authToken_TOKEN", "SENTRY_DSN", "GITLAB_PAT"),
    *(
        "openai_api_key",
        "OPENAI_APIKEY",
        "KEY",
        "TOKEN",
        "HF_TOKEN",
        "DB_PASS",
        "SMTP_PASS",
        "LDAP_BIND_PW",
        "JWT",
    ),
    *(
        "NGROK_AUTHTOKEN",
        "npm_config_//registry.example/:_authToken",
        "BW_SESSION",
        "OP_SESSION_my",
        "STOREPASS",
    ),
    *(
        "TF_VAR_db_password",
        "TF_TOKEN_app_terraform_io",
        "RAILS_MASTER_KEY",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    ),
    *(
        "DOCKER_AUTH_CONFIG",
        "GCP_SA_KEY",
        "HTTP_COOKIE",
        "DISCORD_WEBHOOK",
        "AZURE_STORAGE_CONNECTION_STRING",
    ),
]
HARMLESS = [
    *(
        "KEYBOARD",
        "TOKENIZERS_PARALLELISM",
        "MAX_TOKENS",
        "AUTHORS",
        "PWD",
        "KEYMAP",
        "SECRETARY",
        "COOKIECUTTER_HOME",
    ),
    *("XAUTHORITY", "PATHEXT", "HOTKEYS", "LC_ALL", "GIT_COMMITTER_NAME"),
    *(
        "KEYBOARD_LAYOUT",
        "KEYTIMEOUT",
        "AUTHOR",
        "TOKENIZER",
        "NUM_TOKENS",
        "COMPASS",
        "PASSAGE",
        "BYPASS_CACHE",
    ),
    *(
        "KEYCLOAK_HOST",
        "PASSENGER_APP_ENV",
        "SESSION_MANAGER",
        "XDG_SESSION_ID",
        "DESKTOP_SESSION",
        "PATTERN",
    ),
    *(
        "DBUS_SESSION_BUS_ADDRESS",
        "AWS_PROFILE",
        "KUBECONFIG",
        "SSH_TTY",
        "GITHUB_SHA",
        "MONKEY",
        "SECRETION",
    ),
]


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_kept_from_children(name: str) -> None:
    assert name not in clean_environment({name: "x"})


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_that_only_looks_like_one_is_passed_on(name: str) -> None:
    assert classify(name) == "keep"


def test_a_secret_that_the_settings_name_is_passed_on() -> None:
    env = clean_environment(
        {"GH_TOKEN": "x", "SSH_AUTH_SOCK": "/s", "NPM_TOKEN": "y"}, ["GH_TOKEN", "SSH_AUTH_SOCK"]
    )

    assert (env["GH_TOKEN"], env["SSH_AUTH_SOCK"]) == ("x", "/s")
    assert "NPM_TOKEN" not in env


def test_the_agents_own_variables_never_reach_a_child() -> None:
    assert "KCODE_API_KEY" not in clean_environment({"KCODE_API_KEY": "x"}, ["KCODE_API_KEY"])
    assert "KCODE_MODEL" not in clean_environment({"KCODE_MODEL": "x"})


def test_an_address_with_a_password_in_it_is_a_secret_but_a_proxy_is_needed() -> None:
    env = clean_environment(
        {"REDIS": "redis://:pw@host/0", "https_proxy": "http://me:pw@proxy:3128", "SITE": "https://a/b"}
    )

    assert "REDIS" not in env
    assert env["https_proxy"] == "http://me:pw@proxy:3128"
    assert env["SITE"] == "https://a/b"


TOKENS = [
    "sk-proj-AbCdEf0123456789AbCdEf0123456789",
    f"ghp_{'a1' * 18}",
    f"github_pat_{'a1' * 30}",
    "glpat-AbCdEf0123456789AbCd",
    "xoxb-111111111111-aaaaaaaaaaaa",
    f"hf_{'aB' * 17}",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "jdbc:postgresql://host/db?user=me&password=hunter2",
    "Endpoint=sb://x.example/;SharedAccessKey=abc",
    "https://host/v1?api_key=abc",
    "amqp://me:pw@host/x",
]
PLAIN = [
    *(
        "sk-learn",
        "https://host/path?tab=keys",
        "https://host/?passwordless=1",
        "ghp_short",
        "a://b@c",
        "key=value",
    ),
    *("hf_hub", "file:///etc/passwd", "https://user@host/x"),
]


@pytest.mark.parametrize("value", TOKENS)
def test_a_value_that_is_a_secret_is_kept_from_children_whatever_its_name(value: str) -> None:
    assert "THING" not in clean_environment({"THING": value})
    assert clean_environment({"THING": value}, ["THING"])["THING"] == value


@pytest.mark.parametrize("value", PLAIN)
def test_a_value_that_only_looks_like_one_is_passed_on(value: str) -> None:
    assert clean_environment({"THING": value})["THING"] == value


def test_settings_for_git_are_passed_on_as_a_whole() -> None:
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}

    assert settings.items() <= clean_environment(settings).items()


def test_settings_for_git_that_hold_a_secret_are_kept_back_as_a_whole() -> None:
    settings = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.https://github.com/.extraHeader",
        "GIT_CONFIG_VALUE_0": "Authorization: basic eDp5",
    }

    assert settings.keys().isdisjoint(clean_environment(settings))


def test_nothing_waits_for_a_person_even_if_they_set_it_so() -> None:
    env = clean_environment(
        {"PAGER": "less", "GIT_TERMINAL_PROMPT": "1", "SSH_ASKPASS": "/usr/bin/x", "EDITOR": "vi"}
    )

    assert (env["PAGER"], env["GIT_TERMINAL_PROMPT"], env["GIT_EDITOR"]) == ("cat", "0", "false")
    assert env["EDITOR"] == "false"
    assert "SSH_ASKPASS" not in env


def test_the_shared_samples_are_judged_right() -> None:
    folder = Path(os.environ.get("KCODE_SHARED") or Path(__file__).parents[3] / "shared")
    file = folder / "corpus" / "permissions" / "secrets.jsonl"
    if not file.exists():
        pytest.skip(f"no shared samples: {file} is missing, set KCODE_SHARED")
    names = [row for row in map(json.loads, file.read_text().splitlines()) if row["kind"] == "env"]

    assert names
    assert [row["id"] for row in names if classify(row["name"]) != row["want"]] == []
