"""Which call comes next for a model that loses the thread, where that is plain from what it knows and did."""

import json
import re
import shlex

from kcode.app.seen import Seen

FILE = re.compile(r"[\w./-]*\w\.[A-Za-z]\w{0,4}\b")
"""What may be the name of a file."""
_SOURCE = re.compile(
    r"\.(?:py|pyi|js|mjs|ts|jsx|tsx|vue|go|rs|java|kt|swift|scala|c|h|cc|cpp|hpp|cs|rb|php|pl|lua|sh|sql|html|css)$"
)
_FAILS = re.compile(r"\b(?:fail\w*|bugs?|errors?|broken|crash\w*|exceptions?|traceback)\b", re.IGNORECASE)
_TESTS = {
    r"\btest_\w+\.py\b|\b\w+_test\.py\b": "python3 -m pytest -q",
    r"\bpackage\.json\b": "npm test",
    r"\bCargo\.toml\b": "cargo test",
    r"\bgo\.mod\b": "go test ./...",
}
"""How the tests of a folder are run, by a file in it."""
_TEST_PART = re.compile(r"(?<![a-z])tests?[_-]|[_.-](?:tests?|spec)(?=\.)", re.IGNORECASE)
"""What the name of a test's file has more than that of the file it tests."""
_RUN = re.compile(r"\b(?:run|execute|start|try|test)\b", re.IGNORECASE)
_RUNNERS = {
    "py": "python3",
    "js": "node",
    "sh": "bash",
    "rb": "ruby",
    "go": "go run",
    "php": "php",
    "pl": "perl",
}
"""How a single file is run, by its ending."""
_TELLING = re.compile(
    r"^[>E] |\w(?:Error|Exception)\b|\bassert\w*\b|\bexpected\b|\bpanicked\b", re.IGNORECASE
)
_QUOTED, _WIDTH = 8, 200
"""Lines of a failing run that are quoted, and characters of each."""
OPEN = "What is the next call? If all is done, say so in one sentence."
"""What is asked where no call is plain."""


def failing(prompt: str) -> bool:
    """Whether the person speaks of something that fails."""
    return bool(_FAILS.search(prompt))


def what_next(prompt: str, seen: Seen) -> str:
    """Ask for the next call after a result: by name, where it is plain what it is.

    Small models that are asked an open question after a failing run change the test, look for files or say nothing.
    """
    call = run_tests(seen) if failing(prompt) and not seen.ran else ""
    if call:
        return reply_with(call)
    file = _suspect(prompt, seen)
    if file and seen.text_of(file) is None:
        return f"What fails is run from {file}, which you have to see. {reply_with(write_call('Read', file_path=file))}"
    return OPEN


def how_to_mend(prompt: str, seen: Seen, *, again: bool = False) -> str:
    """Ask for the code that mends what failed, once it was read, with what the run said; "" where nothing is to mend.

    Asked again, what the file holds is part of the question.
    """
    file = _suspect(prompt, seen)
    text = seen.text_of(file) if file else None
    if text is None:
        return ""
    code = f"{file} holds:\n```\n{text}\n```\n" if again else ""
    return f"{code}{_quote(seen.failed)}How do you fix {file}? Show the corrected code."


def suggest(prompt: str, seen: Seen) -> str:
    """A call that makes sense now, whatever was said: run what fails or is new, look at the files; empty for none."""
    if seen.changed:
        return unfinished(prompt, seen)
    return (failing(prompt) and not seen.ran and run_tests(seen)) or look(seen)


def unfinished(prompt: str, seen: Seen) -> str:
    """Run what was changed, where the person wants it run; empty where it was, or nobody knows how."""
    if not seen.changed or seen.ran:
        return ""
    if failing(prompt):
        return run_tests(seen)
    runner = _RUNNERS.get(seen.changed.rpartition(".")[2], "") if _RUN.search(prompt) else ""
    return write_call("Bash", command=f"{runner} {shlex.quote(seen.changed)}") if runner else ""


def run_tests(seen: Seen) -> str:
    """Run the tests of the folder; empty where nobody knows how."""
    command = next((command for sign, command in _TESTS.items() if re.search(sign, seen.around)), "")
    return write_call("Bash", command=command) if command else ""


def look(seen: Seen) -> str:
    """Look at the next file that is known and no test; empty where all are known."""
    unread = [name for name in _sources(seen.around) if seen.text_of(name) is None]
    return write_call("Read", file_path=unread[0]) if unread else ""


def reply_with(call: str, *, again: bool = False) -> str:
    """Ask for one call; asked again, in another form, since the same words get the same answer.

    Of the ways to say it, small models answer this one with a call most surely (docs/local-models.md).
    """
    form = call if again else f"```json\n{call}\n```"
    return f"Answer with this JSON only, no explanation:\n{form}"


def write_call(name: str, **arguments: str) -> str:
    """Write a call as small models do."""
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def _suspect(prompt: str, seen: Seen) -> str:
    """The file to be mended: one that the run names, one that its tests are named after, or the first; "" for none."""
    if not seen.failed or not failing(prompt):
        return ""
    known = _sources(seen.around)
    run = FILE.findall(seen.failed)
    tested = {_TEST_PART.sub("", name.rpartition("/")[2]) for name in run}
    named = (name for name in known if name in run or name.rpartition("/")[2] in tested)
    return next(named, known[0] if known else "")


def _sources(text: str) -> list[str]:
    """The files of code that a text names and that are no tests."""
    return [n for n in dict.fromkeys(FILE.findall(text)) if _SOURCE.search(n) and "test" not in n]


def _quote(failed: str) -> str:
    lines = [line.strip()[:_WIDTH] for line in failed.splitlines() if _TELLING.search(line)]
    return "The run said:\n" + "\n".join(lines[:_QUOTED]) + "\n" if lines else ""
