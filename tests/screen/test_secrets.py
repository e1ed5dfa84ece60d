import base64
import json
import random
from urllib.parse import quote

import pytest

from kcode.screen.redact import redact
from kcode.screen.secrets import Pieces, Secrets

KEYS = ("sk-planted-0123456789abcdef", 'pl/anted+0123=45"67\\89', "planted key 0123")


def written(key: str) -> list[str]:
    """The key in every form in which it may be written."""
    within = [f"{name}:{key}".encode() for name in ("", "a", "ab", "name")]
    return [
        key,
        json.dumps(key),
        json.dumps({"arguments": json.dumps({"command": key})}),
        json.dumps(key).replace("/", "\\/"),
        quote(key, safe=""),
        quote(key, safe="").lower(),
        *(base64.b64encode(one).decode() for one in within),
        *(base64.urlsafe_b64encode(one).decode() for one in within),
    ]


@pytest.mark.parametrize("key", KEYS)
def test_a_secret_is_found_however_it_is_written(key: str) -> None:
    for text in written(key):
        for hidden in (Secrets([key]).hide(f"before {text} after"), redact(f"before {text} after", [key])):
            assert key not in hidden
            assert text not in hidden
            assert hidden.startswith("before ")
            assert hidden.endswith(" after")


@pytest.mark.parametrize(
    "key", ["lm-studio", "not-needed", "sk-no-key-required", "placeholder", "xxxxxxxxxx", "YOUR_API_KEY"]
)
def test_what_stands_in_the_place_of_a_key_is_no_secret(key: str) -> None:
    assert Secrets([key]).hide(f"Start {key} first.") == f"Start {key} first."


@pytest.mark.parametrize("key", ["not-needed-7f3", "sk-planted-secret", "x" * 60 + "y", "keykeykeyz" * 9])
def test_what_is_more_than_a_placeholder_is_a_secret(key: str) -> None:
    assert Secrets([key]).hide(f"Start {key} first.") == "Start [key] first."


def test_arguments_stay_json_without_the_key() -> None:
    arguments = json.dumps({"command": f"curl -H 'X: {KEYS[1]}'"})
    assert json.loads(Secrets([KEYS[1]]).hide(arguments)) == {"command": "curl -H 'X: [key]'"}


@pytest.mark.parametrize("key", KEYS)
def test_a_text_in_pieces_never_shows_the_key_and_loses_nothing(key: str) -> None:
    dice = random.Random(7)
    for _ in range(300):
        words = [key, key[:9], "s", "sk", "sk-", "pl", "some words ", base64.b64encode(key.encode()).decode()]
        text = "".join(dice.choice(words) for _ in range(8))
        pieces, shown, at = Pieces(Secrets([key])), "", 0
        while at < len(text):
            end = at + dice.randint(1, 9)
            shown += pieces.feed(text[at:end])
            at = end
        shown += pieces.finish()
        assert key not in shown
        assert shown.replace("[key]", "") == Secrets([key]).hide(text).replace("[key]", "")


def test_what_cannot_be_the_key_is_handed_on_at_once() -> None:
    pieces = Pieces(Secrets(["sk-planted-0123456789abcdef"]))
    assert pieces.feed("some words. ") == "some words. "
    assert pieces.feed("ask-") == "a"
    assert pieces.feed("ing") == "sk-ing"


def test_too_short_a_secret_is_not_looked_for() -> None:
    assert Secrets(["none", ""]).hide("none of it") == "none of it"
