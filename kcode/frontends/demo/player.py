"""The scripted model of the demonstration: it acts on what the tools give back.

It knows a few kinds of mistakes, as a model does, but not where they are: the failing test, the file, the line
and the text to replace come out of the results that it reads. Where a tool does not deliver, it says so and stops.
"""

import re
from collections.abc import Callable, Sequence

from kcode.frontends.demo.repository import BUGS
from kcode.providers.scripted import call, says
from kcode.types.messages import AssistantMessage, Message, ToolCall, ToolMessage, Usage
from kcode.types.model import Request

DONE = "Done:"
GAVE_UP = "I could not finish:"
_FAILED = re.compile(r"test_(\w+)")
_DEFINED = re.compile(r"^(?:\./)?(?P<path>[^:\n]+?):(?P<line>\d+):\s*def ", re.MULTILINE)
_NUMBERED = re.compile(r"^\s*(\d+)\t(.*)$", re.MULTILINE)


class Player:
    """Answers one request after the other; `command` is how the tests are run."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._steps: list[Callable[[str], AssistantMessage]] = [
            self._run_tests,
            self._find,
            self._read,
            self._edit,
            self._run_again,
            self._conclude,
        ]
        self._name = ""
        self._path = ""
        self._line = ""

    def __call__(self, request: Request) -> AssistantMessage:
        """Give the next response."""
        step = self._steps.pop(0) if self._steps else self._conclude
        result = _last_result(request.messages)
        response = step(result.text if result else "")
        return response.model_copy(update={"usage": _usage(request, response)})

    def _run_tests(self, _: str) -> AssistantMessage:
        return says("I run the tests first, to see what fails.", self._bash("Run the tests"))

    def _find(self, result: str) -> AssistantMessage:
        failures = [name for name in _FAILED.findall(_failures(result)) if name in {b.name for b in BUGS}]
        if not failures:
            return _give_up("the test run shows no failing test", result)
        self._name = failures[0]
        text = f"`test_{self._name}` fails. I look for where `{self._name}` is defined."
        return says(text, call("Grep", pattern=f"def {self._name}\\(", output_mode="content"))

    def _read(self, result: str) -> AssistantMessage:
        found = _DEFINED.search(result)
        if found is None:
            return _give_up(f"the search does not find `{self._name}`", result)
        self._path = found["path"]
        return says(f"It is in `{self._path}`, line {found['line']}.", call("Read", file_path=self._path))

    def _edit(self, result: str) -> AssistantMessage:
        bug = next(b for b in BUGS if b.name == self._name)
        lines = {text: number for number, text in _NUMBERED.findall(result)}
        if bug.wrong not in lines:
            return _give_up(f"`{self._path}` does not read as expected", result)
        self._line = lines[bug.wrong]
        text = f"Line {self._line} is wrong: the function should do what its docstring says."
        change = call("Edit", file_path=self._path, old_string=bug.wrong, new_string=bug.right)
        return says(text, change)

    def _run_again(self, result: str) -> AssistantMessage:
        if self._path not in result:
            return _give_up("the edit was not made", result)
        return says("Now the tests again.", self._bash("Run the tests again"))

    def _conclude(self, result: str) -> AssistantMessage:
        if not re.search(r"\b2 passed|Ran 2 tests[\s\S]*\nOK", result) or _failures(result):
            return _give_up("the tests still fail", result)
        return says(
            f"{DONE} `{self._name}` in `{self._path}:{self._line}` was wrong and is corrected. "
            "Both tests pass now; nothing else was changed."
        )

    def _bash(self, description: str) -> ToolCall:
        return call("Bash", command=self._command, description=description)


def _failures(result: str) -> str:
    """Return the lines of a test run that name failed tests."""
    wanted = [line for line in result.splitlines() if re.match(r"\s*(FAILED|FAIL:|ERROR:?)\s", line)]
    return "\n".join(wanted)


def _give_up(why: str, result: str) -> AssistantMessage:
    return says(f"{GAVE_UP} {why}. The last result was:\n\n{result[:600]}")


def _last_result(messages: Sequence[Message]) -> ToolMessage | None:
    return next((m for m in reversed(messages) if isinstance(m, ToolMessage)), None)


def _usage(request: Request, response: AssistantMessage) -> Usage:
    """Count roughly what a real model would have counted; all but the newest messages come from the cache."""
    sizes = [len(m.model_dump_json()) // 4 for m in request.messages]
    fixed = (len(request.system) + sum(len(t.model_dump_json()) for t in request.tools)) // 4
    cached = fixed + sum(sizes[:-2]) if len(sizes) > 1 else 0
    return Usage(input=fixed + sum(sizes), cached=cached, output=len(response.model_dump_json()) // 5)
