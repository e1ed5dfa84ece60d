"""What is drawn: never a control sequence from outside, never more than fits."""

import os
import re
from pathlib import Path

import pytest

from kcode.frontends.repl.blocks import Block
from kcode.frontends.repl.recap import subject
from kcode.frontends.repl.render import answer, diff, todos, tools, turn
from kcode.frontends.repl.render.canvas import Canvas
from kcode.frontends.repl.theme import ASCII, Theme
from kcode.screen.width import cell_width
from kcode.types.events import Compacted, ErrorInfo, FileChange, Retrying, Todo, ToolFinished, TurnEnded

PLAIN = Canvas(Theme(colour=False, drawable=False))
COLOUR = Canvas(Theme())
SGR = re.compile(r"\x1b\[[0-9;]*m")


def bare(text: str) -> str:
    return SGR.sub("", text)


def test_a_heading_stands_at_the_left() -> None:
    assert answer.prose(PLAIN, "# Title", 80) == "Title\n"


def test_a_link_shows_where_it_leads() -> None:
    assert answer.prose(COLOUR, "[bank](http://evil.example)", 80).count("\x1b]8") == 0
    assert "http://evil.example" in answer.prose(PLAIN, "[bank](http://evil.example)", 80)


@pytest.mark.parametrize(
    "text",
    [r"\\server\share\file.txt", r"a \\10.0.0.1\c$ b", r"`\\in\code`", r"C:\Users\me", r"\\a and \\b"],
)
def test_paths_with_backslashes_keep_all_of_them(text: str) -> None:
    assert answer.prose(PLAIN, text, 80).strip() == text.strip("`")


def test_escapes_of_markdown_still_are_some() -> None:
    assert answer.prose(PLAIN, r"1\. \*no\* \\", 80).strip() == "1. *no* \\"


def test_code_is_not_wrapped_padded_or_changed() -> None:
    line = "x = " + "1 + " * 100 + "1"
    shown = answer.block(PLAIN, Block(f"{line}\n\tindented", code=True, language="python"), 40)
    assert shown == f"\n  {line}\n      indented\n"


def test_no_line_ends_in_blanks() -> None:
    text = "- item\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n    code\n"
    drawn = bare(answer.prose(COLOUR, text, 60))
    assert [line for line in drawn.split("\n") if line != line.rstrip()] == []


@pytest.mark.parametrize("columns", [1, 2, 5, 10, 40])
def test_any_width_is_survived(columns: int) -> None:
    event = ToolFinished(call_id="c", name="Bash", status="completed", title="run 漢字 " * 20)
    for canvas in (PLAIN, COLOUR):
        assert answer.prose(canvas, "# 漢字\n\n- a\n- b\n\n| a | b |\n|---|---|\n| 1 | 2 |", columns)
        assert tools.finished(canvas, event, "execute", "漢字" * 100 + "\nsecond", columns).text
        assert turn.ended(canvas, TurnEnded(stop_reason="cancelled"), columns)
        assert todos.draw(canvas, [Todo(content="漢字" * 50)], columns)


def test_markup_in_what_tools_print_is_text() -> None:
    event = ToolFinished(call_id="c", name="Bash", status="completed", title="echo [red]")
    assert "[/red] [bold]" in tools.finished(PLAIN, event, "execute", "[/red] [bold]", 80).text


@pytest.mark.parametrize("status", ["completed", "failed", "rejected", "cancelled"])
def test_hostile_output_is_harmless(status: str) -> None:
    evil = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\rhidden\u202e"
    event = ToolFinished.model_validate({"call_id": "c", "name": evil, "status": status, "title": evil})
    shown = tools.finished(COLOUR, event, "execute", evil, 80)
    left = SGR.sub("", shown.text + shown.full)
    assert not set(left) & {"\x1b", "\x07", "\x9b", "\r", "\u202e"}


def test_long_output_keeps_its_head_and_tail_and_says_what_is_missing() -> None:
    event = ToolFinished(call_id="c", name="Bash", status="completed", title="seq 100")
    shown = tools.finished(PLAIN, event, "execute", "\n".join(map(str, range(100))), 80)
    words = "▪ Bash seq 100 ⎿ 0 1 … +95 lines 97 98 99"
    assert shown.text.split() == words.split()
    assert "50" in shown.full.split()
    assert "Ctrl-O" in bare(tools.finished(COLOUR, event, "execute", "x\n" * 100, 80).text)


def test_a_line_too_long_for_the_window_is_cut_not_wrapped() -> None:
    event = ToolFinished(call_id="c", name="Bash", status="completed", title="x")
    shown = tools.finished(PLAIN, event, "execute", "y" * 500, 40).text
    assert max(len(line) for line in shown.split("\n")) <= 40


def test_a_diff_numbers_both_sides() -> None:
    text = diff.draw(
        PLAIN, "--- a\n+++ b\n@@ -9,3 +9,3 @@\n same\n-old\n+new\n same\n", 80, limit=10, indent=""
    )
    assert text == " 9   same\n10 - old\n10 + new\n11   same\n"


def test_lines_that_look_like_headers_inside_a_hunk_are_content() -> None:
    lines = diff.parse("--- a\n+++ b\n@@ -1,2 +1,2 @@\n--- was a comment\n+++ is one\n keep\n")
    assert [(x.sign, x.text) for x in lines if x] == [
        ("-", "-- was a comment"),
        ("+", "++ is one"),
        (" ", "keep"),
    ]


def test_hunks_are_apart_and_long_diffs_folded() -> None:
    hunk = "@@ -{0} +{0} @@\n-a\n+b\n"
    text = diff.draw(PLAIN, hunk.format(1) + hunk.format(50), 80, limit=3)
    assert "…" in text
    assert "+2 lines" in text


def test_a_long_line_of_a_diff_goes_on_below_its_beginning() -> None:
    text = diff.draw(PLAIN, "@@ -1 +1 @@\n-old\n+" + "漢字 abc " * 8, 40, limit=9)
    lines = text.splitlines()
    assert len(lines) > 2
    assert all(cell_width(line) < 40 for line in lines)
    assert all(line.startswith("         ") for line in lines[2:])
    assert "".join(line[9:] for line in lines[1:]).replace(" ", "") == "漢字abc" * 8


def test_a_change_says_how_much() -> None:
    change = FileChange(path="a.py", kind="add", added=3, removed=0, diff="@@ -0,0 +1 @@\n+x\n")
    event = ToolFinished(call_id="c", name="Write", status="completed", title="Write a.py", changes=(change,))
    assert "new file +3 -0" in tools.finished(PLAIN, event, "edit", "", 80).text
    assert "+ x" not in tools.result(PLAIN, event, "edit", "", 80, brief=True).text


def test_ends_that_are_not_answers_say_why() -> None:
    assert turn.ended(PLAIN, TurnEnded(stop_reason="end_turn"), 80) == ""
    error = ErrorInfo(kind="auth", message="The key was refused.")
    assert "The key was refused." in turn.ended(PLAIN, TurnEnded(stop_reason="error", error=error), 80)
    assert "max tokens" in turn.ended(PLAIN, TurnEnded(stop_reason="max_tokens"), 80)


def test_a_retry_says_that_what_was_shown_is_void() -> None:
    event = Retrying(attempt=1, attempts=5, delay=2.0, kind="network", message="Connection lost.")
    assert "Connection lost. Trying again in 2s (1 of 5). What stands above" in " ".join(
        turn.retrying(PLAIN, event, 200, shown=True).split()
    )


def test_a_retry_without_a_wait_does_not_count_seconds() -> None:
    event = Retrying(attempt=1, attempts=3, delay=0.2, kind="empty", message="Nothing came.")
    assert "Trying again at once (1 of 3)." in turn.retrying(PLAIN, event, 200, shown=False)


def test_a_call_of_an_earlier_conversation_is_named_by_what_it_was_about() -> None:
    assert subject('{"description": "Run it", "command": "make test"}') == "make test"
    assert subject('{"file_path": "a.py", "old_string": "x"}') == "a.py"
    assert subject('{"todos": []}') == ""
    assert subject('{"command": ["make"], "broken') == ""
    assert subject("[1]") == ""


def test_compaction_says_how_much_it_freed() -> None:
    event = Compacted(upto=5, summary="s", tokens_before=90_000, tokens_after=12_000)
    assert "90k to 12k tokens" in turn.compacted(PLAIN, event, 80)
    larger = event.model_copy(update={"tokens_before": 999_500, "tokens_after": 999_499})
    assert "1.0M to 999k tokens" in turn.compacted(PLAIN, larger, 80)
    assert "without the model" in turn.compacted(PLAIN, event.model_copy(update={"fallback": True}), 80)


def test_ascii_terminals_get_no_other_sign() -> None:
    canvas = Canvas(Theme(glyphs=ASCII))
    text = answer.prose(canvas, "- “x” — y…\n\n---\n\n| a | b |\n|---|---|\n| é | 漢 |", 60)
    assert text.isascii()


def test_a_very_long_prompt_is_repeated_in_part() -> None:
    shown = turn.prompt(PLAIN, "\n".join(f"line {i}" for i in range(100)), 80)
    assert "+80 lines" in shown
    assert "line 99" in shown


@pytest.fixture
def shared() -> Path:
    folder = Path(os.environ.get("KCODE_SHARED", Path(__file__).parents[3] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared corpus at {folder}: set KCODE_SHARED to run this")
    return folder


def test_nothing_of_the_corpus_of_hostile_texts_reaches_the_terminal(shared: Path) -> None:
    import json

    lines = (shared / "corpus" / "permissions" / "terminal.jsonl").read_text().splitlines()
    assert lines
    for line in lines:
        text = json.loads(line)["text"]
        words = text if isinstance(text, str) else "".join(text)
        event = ToolFinished(call_id="c", name="Bash", status="completed", title=words)
        shown = [
            answer.prose(COLOUR, words, 80),
            answer.block(COLOUR, Block(words, code=True, language="python"), 80),
            tools.finished(COLOUR, event, "execute", words, 80).text,
            turn.prompt(COLOUR, words, 80),
            turn.below(COLOUR, words, 80, "red"),
        ]
        left = SGR.sub("", "".join(shown))
        assert not [c for c in left if ord(c) < 32 and c != "\n"], line
        assert not [c for c in left if 0x7F <= ord(c) < 0xA0], line
