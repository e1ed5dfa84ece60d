import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from kcode.config.positions import locate

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def paths(value: object) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        found = [(key, *rest) for key, inner in members for rest in [(), *paths(inner)]]
    elif isinstance(value, list):
        found = [
            (n, *rest) for n, inner in enumerate(cast("list[Any]", value)) for rest in [(), *paths(inner)]
        ]
    return found


@given(values, st.sampled_from([None, 1, 4]))
def test_every_value_is_found_where_its_text_begins(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    lines = text.split("\n")
    for path in paths(value):
        line, column = locate(text, path)
        rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
        inner: Any = value
        for step in path:
            inner = inner[step]
        shown, end = json.JSONDecoder().raw_decode(rest)
        if isinstance(path[-1], str):
            assert shown == path[-1]
            rest = rest[end:].lstrip()[1:].lstrip()
            shown, _ = json.JSONDecoder().raw_decode(rest)
        assert shown == inner


def test_what_is_not_there_is_shown_at_its_container() -> None:
    text = '{\n "a": [1, 2],\n "b": 3\n}'
    assert locate(text, ["a", 7]) == (2, 2)
    assert locate(text, ["b", "c"]) == (3, 2)
    assert locate(text, ["z"]) == (1, 1)


def test_of_two_members_with_one_name_the_last_one_counts() -> None:
    assert locate('{"a": 1,\n "a": 2}', ["a"]) == (2, 2)
