"""What a model that loses the thread is asked for after a result."""

import pytest

from kcode.app.next_call import how_to_mend, what_next
from kcode.app.seen import Seen, what_was_seen
from kcode.types.messages import AssistantMessage, TextPart, ToolCall, ToolMessage, UserMessage

FIX = "find and fix the failing test"
AROUND = "In it at the start: other.py, calc.py, tests/test_calc.py"
FAILED = """\
    def test_add():
>       assert add(2, 3) == 5
E       assert -1 == 5

tests/test_calc.py:5: AssertionError
FAILED tests/test_calc.py::test_add - assert -1 == 5
[exit status 1]"""


def test_what_fails_is_run_first_and_again_after_a_change() -> None:
    assert "pytest" in what_next(FIX, Seen(around=AROUND))
    assert "pytest" in what_next(FIX, Seen(around=AROUND, changed="calc.py"))


def test_the_code_that_a_failing_test_is_named_after_is_to_be_read() -> None:
    asked = what_next(FIX, Seen(around=AROUND, ran=True, failed=FAILED))
    assert '{"name": "Read", "arguments": {"file_path": "calc.py"}}' in asked


def test_code_that_was_read_is_asked_for_together_with_what_the_run_said() -> None:
    seen = Seen({"/w/calc.py": "the code"}, AROUND, ran=True, failed=FAILED)
    asked = how_to_mend(FIX, seen)
    assert "assert add(2, 3) == 5" in asked
    assert "assert -1 == 5" in asked
    assert "How do you fix calc.py?" in asked
    again = how_to_mend(FIX, seen, again=True)
    assert "the code" in again
    assert again.endswith(asked)
    assert how_to_mend("rename add", seen) == ""
    assert how_to_mend(FIX, Seen(around=AROUND, ran=True, failed=FAILED)) == ""
    assert how_to_mend(FIX, Seen({"/w/calc.py": "the code"}, AROUND, ran=True)) == ""


def test_a_file_that_the_run_names_comes_before_the_others() -> None:
    failed = 'File "calc.py", line 3\nZeroDivisionError: division by zero'
    assert '"calc.py"' in what_next("mend the error", Seen(around=AROUND, ran=True, failed=failed))


@pytest.mark.parametrize(
    ("prompt", "seen"),
    [
        (FIX, Seen(around=AROUND, ran=True)),
        (FIX, Seen(around="In it at the start: src/", ran=True, failed=FAILED)),
        ("write calc.py", Seen(around=AROUND, changed="calc.py")),
        ("rename add", Seen(around=AROUND, ran=True, failed=FAILED)),
    ],
)
def test_where_nothing_is_plain_the_question_is_open(prompt: str, seen: Seen) -> None:
    assert what_next(prompt, seen).startswith("What is the next call?")


def test_a_failing_run_is_known_until_a_file_is_changed_or_the_person_speaks() -> None:
    def called(
        name: str, text: str, *, wrong: bool = False, **_: object
    ) -> list[AssistantMessage | ToolMessage]:
        call = ToolCall(id=name, name=name, arguments='{"file_path": "calc.py"}')
        result = ToolMessage(call_id=name, name=name, parts=(TextPart(text=text),), is_error=wrong)
        return [AssistantMessage(parts=(call,)), result]

    ran = called("Bash", FAILED, wrong=True)
    assert what_was_seen("", ran).failed == FAILED
    assert what_was_seen("", [*ran, *called("Edit", "done")]).failed == ""
    assert what_was_seen("", [*ran, *called("Edit", "not found", wrong=True)]).failed == FAILED
    assert what_was_seen("", [*ran, *called("Bash", "2 passed")]).failed == ""
    again = UserMessage(parts=(TextPart(text="go on"),))
    assert what_was_seen("", [*ran, again]).failed == ""
