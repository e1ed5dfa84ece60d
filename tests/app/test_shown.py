"""What a response shows instead of doing it, and what is an answer."""

import json

import pytest

from kcode.app.seen import Seen
from kcode.app.shown import find_shown, runaway

TOOLS = ("Read", "Edit", "Write", "Bash")
DO = "make the greeting French and run it"


def test_the_first_call_in_the_midst_of_words_is_asked_for_as_it_was_written() -> None:
    text = 'First:\n```json\n{"name": "Read", "arguments": {"file_path": "a.py"}}\n```\nThen we fix it.'
    shown = find_shown(text, DO, TOOLS, Seen())
    assert shown is not None
    assert shown.kind == "call"
    assert '{"name": "Read", "arguments": {"file_path": "a.py"}}' in shown.call


@pytest.mark.parametrize("info", ["bash", "sh", " console", "bash title=x"])
@pytest.mark.parametrize("indent", ["", "    "])
def test_a_command_is_asked_for_as_a_call_of_bash(info: str, indent: str) -> None:
    shown = find_shown(
        f"Run it:\n{indent}```{info}\n$ python3 a.py\n{indent}```\nThat is all.", DO, TOOLS, Seen()
    )
    assert shown is not None
    call = json.loads(shown.call)
    assert call == {"name": "Bash", "arguments": {"command": "python3 a.py"}}


OLD = "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return add(a, a)\n"


def asked(
    text: str, read: dict[str, str] | None = None, around: str = ""
) -> tuple[str, dict[str, str]] | None:
    shown = find_shown(text, DO, TOOLS, Seen(read or {}, around))
    if shown is None:
        return None
    call = json.loads(shown.call)
    return call["name"], call["arguments"]


@pytest.mark.parametrize(
    "code",
    [
        "def add(a, b):\n    return a + b",
        "def add(a, b):\n    return a + b\n\n\ndef double(a):\n    return add(a, a)",
    ],
)
def test_code_for_a_file_that_was_read_is_asked_for_as_the_edit_that_it_is(code: str) -> None:
    found = asked(f"In `src/calc.py` write:\n```python\n{code}\n```", {"/w/src/calc.py": OLD})
    edit = {"file_path": "/w/src/calc.py", "old_string": "    return a - b", "new_string": "    return a + b"}
    assert found == ("Edit", edit)


def test_blank_lines_that_were_left_out_stay() -> None:
    code = OLD.replace("\n\n\n", "\n\n").replace("add(a, a)", "2 * a")
    found = asked(f"calc.py:\n```python\n{code}```", {"calc.py": OLD})
    edit = {"file_path": "calc.py", "old_string": "    return add(a, a)", "new_string": "    return 2 * a"}
    assert found == ("Edit", edit)


def test_an_edit_that_is_asked_for_names_one_place() -> None:
    twice = "def f(x):\n    return x\n\n\ndef g(x):\n    return x\n"
    found = asked("calc.py:\n```python\ndef g(x):\n    return 2 * x\n```", {"calc.py": twice})
    assert found is not None
    assert twice.count(found[1]["old_string"]) == 1
    changed = twice.replace(found[1]["old_string"], found[1]["new_string"])
    assert changed == "def f(x):\n    return x\n\n\ndef g(x):\n    return 2 * x\n"


def test_code_that_the_file_has_already_is_an_answer() -> None:
    assert asked("calc.py holds:\n```python\ndef add(a, b):\n    return a - b\n```", {"calc.py": OLD}) is None


@pytest.mark.parametrize("code", ["def other():\n    pass", "def add(a, b):\n    # ... rest of the code"])
def test_code_without_a_clear_place_is_not_asked_for(code: str) -> None:
    assert asked(f"calc.py:\n```python\n{code}\n```", {"calc.py": OLD}) is None


def test_code_for_a_file_that_was_not_read_is_read_first_and_for_a_new_one_written() -> None:
    text = "Put this into greet.py:\n```python\nprint('Salut')\n```"
    assert asked(text, around="In it at the start: greet.py, a.py") == ("Read", {"file_path": "greet.py"})
    assert asked(text, around="my_greet.py") == (
        "Write",
        {"file_path": "greet.py", "content": "print('Salut')\n"},
    )


def test_long_advice_is_asked_to_be_work() -> None:
    shown = find_shown("You need to change main.py so that it greets in French. " * 8, DO, TOOLS, Seen())
    assert shown is not None
    assert (shown.kind, '"file_path": "main.py"' in shown.call) == ("prose", True)


def test_advice_after_the_work_is_an_answer_and_before_it_none() -> None:
    text = "You can run it with make."
    around = "In it at the start: greet.py"
    assert find_shown(text, DO, TOOLS, Seen(around=around, changed="greet.py", ran=True)) is None
    assert asked(text, around=around) == ("Read", {"file_path": "greet.py"})


@pytest.mark.parametrize(
    "text",
    [
        "The greeting is French now, and hello.py prints Salut.",
        "Done. The output was:\n```\nSalut\n```",
        'An object like {"name": "x", "arguments": 3} is no call, nor is {"name": "Foo", "arguments": {}}.',
    ],
)
def test_an_answer_is_left_alone(text: str) -> None:
    assert find_shown(text, DO, TOOLS, Seen()) is None


@pytest.mark.parametrize(
    "prompt", ["How do I run the tests?", "explain main.py", "What does this do", "show me the fix"]
)
def test_a_question_is_answered_with_code_and_commands(prompt: str) -> None:
    text = "Like this:\n```bash\nmake test\n```\nor\n```python\nx = 1\n```"
    assert find_shown(text, prompt, TOOLS, Seen()) is None


def test_a_tool_that_is_not_offered_is_not_asked_for() -> None:
    assert find_shown("```bash\nls\n```", DO, ["Read"], Seen()) is None
    assert find_shown("```python\nx\n```", DO, ["Read"], Seen()) is None


def test_code_for_a_file_that_nobody_names_is_looked_for_among_the_files_that_are_known() -> None:
    text = "The fix:\n```python\ndef add(a, b):\n    return a + b\n```"
    around = "In it at the start: test_calc.py, calc.py, other.py"
    assert asked(text, around=around) == ("Read", {"file_path": "calc.py"})
    assert asked(text, {"calc.py": "x = 1\n"}, around) == ("Read", {"file_path": "other.py"})
    found = asked(text, {"calc.py": OLD}, around)
    assert found is not None
    assert found[0] == "Edit"
    assert asked(text) is None


PLAN = """1. Read:
```json
{"name": "Read", "arguments": {"file_path": "a.py"}}
```
2. Edit it, then:
```json
{"name": "Bash", "arguments": {"command": "make check"}}
```
That is all."""


def test_what_fails_is_run_before_it_is_mended() -> None:
    def first(prompt: str, plan: str = PLAN, *, around: str = "", ran: bool = False) -> str:
        shown = find_shown(plan, prompt, TOOLS, Seen(around=around, ran=ran))
        assert shown is not None
        return shown.call

    assert "make check" in first("fix the failing test")
    assert '"Read"' in first("fix the failing test", ran=True)
    assert '"Read"' in first("tidy a.py")
    only = PLAN.partition("2.")[0] + "Then more."
    assert "pytest" in first("there is a bug, mend it", only, around="test_a.py, a.py")
    assert "npm test" in first("there is a bug, mend it", only, around="package.json")
    assert '"Read"' in first("there is a bug, mend it", only)


def test_a_plan_of_many_calls_is_enough_but_a_few_may_be_meant() -> None:
    one = '{"name": "Read", "arguments": {"file_path": "a.py"}}\n'
    assert not runaway(one * 4)
    assert runaway("The plan:\n" + one * 5)
    assert not runaway('{"name": "x"} ' * 9)
    assert not runaway("words " * 2_000 + one)
    assert runaway(one + "words " * 2_000)


def test_what_was_changed_is_run_where_the_person_wants_it_run() -> None:
    def next_call(prompt: str, seen: Seen) -> str:
        shown = find_shown("The file is written.", prompt, TOOLS, seen)
        return shown.call if shown else ""

    assert "\"python3 'my hello.py'\"" in next_call("create it and run it", Seen(changed="my hello.py"))
    assert next_call("create it and run it", Seen(changed="hello.py", ran=True)) == ""
    assert next_call("create it and run it", Seen(changed="hello.txt")) == ""
    assert next_call("create it", Seen(changed="hello.py")) == ""
    assert "pytest" in next_call("fix the bug", Seen(changed="a.py", around="test_a.py"))


def test_a_file_that_heads_its_code_is_the_one_that_is_meant() -> None:
    text = (
        "Correct `add`, as numbers.append does:\n```python\n# calc.py\ndef add(a, b):\n    return a + b\n```"
    )
    edit = {"file_path": "calc.py", "old_string": "    return a - b", "new_string": "    return a + b"}
    assert asked(text, {"calc.py": OLD, "other.py": "x = 1\n"}) == ("Edit", edit)
    assert asked(text, around="In it: calc.py") == ("Read", {"file_path": "calc.py"})


def test_code_under_a_wrong_name_is_for_the_file_that_defines_it_and_imports_tell_nothing() -> None:
    text = "In `adding.py`:\n```python\n{}def add(a, b):\n    return a + b\n```"
    found = asked(text.format(""), {"calc.py": OLD})
    assert found is not None
    assert (found[0], found[1]["file_path"]) == ("Edit", "calc.py")
    found = asked(text.format("import os\n"), {"calc.py": f"import os\n{OLD}"})
    assert found is not None
    assert (found[0], found[1]["file_path"]) == ("Write", "adding.py")


@pytest.mark.parametrize("new", ['return " ".join(x)', "return 1,", 'say("a", "b")'])
def test_a_call_whose_quotes_are_not_escaped_is_asked_for_as_it_was_meant(new: str) -> None:
    text = (
        f'```json\n{{\n  "name": "Edit",\n  "arguments": {{\n    "file_path": "a.py",\n'
        f'    "old_string": "return "".join(x)",\n    "new_string": "{new}",\n    "replace_all": false\n  }}\n}}\n```'
    )
    assert asked(text) == (
        "Edit",
        {"file_path": "a.py", "old_string": 'return "".join(x)', "new_string": new, "replace_all": False},
    )
    assert asked(text.replace("Edit", "Mystery")) is None
