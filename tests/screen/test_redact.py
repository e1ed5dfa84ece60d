"""What looks like a secret leaves the text; what only mentions one stays."""

import json
import os
import time
from pathlib import Path

import pytest

from kcode.screen.redact import PLACEHOLDER, redact

_RUN = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

SECRET = {
    "an api key": (f"key is sk-{_RUN} here", _RUN),
    "a key with a vendor's prefix": (f"sk-proj-{_RUN[:10]}_{_RUN}", _RUN),
    "a GitHub token": (f"remote: ghs_{_RUN}", _RUN),
    "an AWS key id": ("id=AKIAABCDEFGHIJKLMNOP ok", "ABCDEFGHIJKLMNOP"),
    "a Google key": ("AIzaSyA1234567890abcdefghijklmnopqrstuvw", "SyA12345"),
    "a bearer header": ("Authorization: Bearer abc.def-123456789", "abc.def"),
    "a basic header": ('"authorization": "Basic dXNlcjpwYXNz"', "dXNlcjpwYXNz"),
    "a password in an address": ("postgres://me:hunter2@db.local/x", "hunter2"),
    "a quoted password": ('password = "hunter2x"', "hunter2x"),
    "a secret in a .env file": ("MY_CLIENT_SECRET=abc123def456ghi789", "abc123"),
    "a private key that was cut": ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "MIIE"),
    "a key in an address": (f"https://h.example/v1?api_key={_RUN}", _RUN),
    "a header of curl": (f"curl -H 'X-Api-Key: {_RUN}'", _RUN),
    "a token of Groq": (f"gsk_{_RUN}", _RUN),
    "a token of xAI": (f"xai-{_RUN}", _RUN),
    "a token of Docker": (f"dckr_pat_{_RUN}", _RUN),
    "a token of Slack": ("xoxp-123456789012-abcdefabcdef", "123456789012"),
    "a token of Stripe": ("rk_test_4eC39HqLyjWDarjtT1zdp7dc", "4eC39HqLyj"),
    "an account's key": (f"AccountKey={_RUN}==;", _RUN),
    "a cookie": ("Cookie: sid=abcdef1234567890", "abcdef1234567890"),
    "a value in YAML": ('DB_PASSWORD: "s3cr3tP@ss"', "s3cr3tP@ss"),
    "a token in JSON within JSON": ('{\\"refresh_token\\": \\"x\\"} sk-' + _RUN, _RUN),
}

HARMLESS = [
    "sk-learn is a library, and so is sk-optimize-everything-you-can-think-of",
    "password = None",
    "password: str = Field(default=...)",
    'monkey_key = "value"',
    "token = tokens[0]",
    "api_key = os.environ['MOONSHOT_API_KEY']",
    "secret: ${{ secrets.TOKEN }}",
    "commit 3f2a9be0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6",
    "id 123e4567-e89b-12d3-a456-426614174000",
    "https://example.org:8080/path@2",
    "git@github.com:someone/project.git",
    "max_tokens=32768 and total_tokens: 1234567890123",
    "self.password = config.password",
    'keyboard = "qwerty123"',
    "Authorization: required",
    "the bearer of news",
    "token = tokenizer.next_token()",
    'def log_in(token: str, password: str = ""):',
    "API_KEY=your_api_key_here",
    "password: <your password>",
    "primary_key=user_id1",
    "token_type: bearer",
    "hf_hub and ghp_short and AKIA and eyJ are beginnings",
    "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----",
    "ssh://git@github.com/someone/project",
]


@pytest.mark.parametrize(("text", "secret"), SECRET.values(), ids=SECRET)
def test_a_secret_is_taken_out(text: str, secret: str) -> None:
    clean = redact(text)

    assert secret not in clean
    assert PLACEHOLDER in clean


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_the_name_beside_a_secret_stays_readable() -> None:
    assert redact('{"api_key": "abcdef123456"}') == f'{{"api_key": "{PLACEHOLDER}"}}'


def test_a_known_secret_goes_wherever_it_stands_whatever_it_looks_like() -> None:
    assert redact("x-my-plain-words-y", known=["my-plain-words"]) == f"x-{PLACEHOLDER}-y"


def test_a_known_secret_that_is_too_short_to_tell_from_chance_is_left() -> None:
    assert redact("a test of tests", known=["test"]) == "a test of tests"


def test_redacting_twice_changes_nothing_more() -> None:
    for text, _ in SECRET.values():
        once = redact(text)
        assert redact(once) == once


@pytest.mark.parametrize(
    "piece",
    ["sk-", "a_", "token=", "bearer ", "http://a:", "-----BEGIN PRIVATE KEY-----", "eyJaaaaaaaaa.", "x-"],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    def took(count: int) -> float:
        start = time.perf_counter()
        redact(piece * count + " token")
        return time.perf_counter() - start

    took(1000)
    assert took(100_000) < 2.0


def test_the_shared_samples_are_judged_right() -> None:
    folder = Path(os.environ.get("KCODE_SHARED") or Path(__file__).parents[3] / "shared")
    file = folder / "corpus" / "permissions" / "secrets.jsonl"
    if not file.exists():
        pytest.skip(f"no shared samples: {file} is missing, set KCODE_SHARED")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    texts = [row for row in rows if row["kind"] == "text"]

    wrong = [row["id"] for row in texts if (redact(row["text"]) != row["text"]) != row["redact"]]

    assert texts
    assert wrong == []
