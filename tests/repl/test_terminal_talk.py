"""The front end as a person sees it: keys in, screen out."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kcode.frontends.repl.theme import Glyphs
from tests.repl.terminal import Terminal

SIGN = Glyphs().prompt
Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Terminal] = []

    def begin(*arguments: str, ready: str = "fake-k2", **more: object) -> Terminal:
        terminal = Terminal(tmp_path, *arguments, **more)  # pyright: ignore[reportArgumentType]
        running.append(terminal)
        if ready:
            terminal.wait_for(ready)
        return terminal

    yield begin
    for terminal in running:
        terminal.close()


def test_a_key_is_echoed_before_anything_heavy_is_imported(start: Start, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    terminal = start(ready="", environ={"FAKE_MARK": str(mark)})
    terminal.wait_for(f"{SIGN}")
    terminal.send("x")
    terminal.until(lambda: terminal.prompt_line == f"{SIGN} x", "the echo")
    terminal.wait_for("fake-k2")
    assert mark.read_text() == "none"


def test_a_prompt_sent_before_the_conversation_is_open_is_not_lost(start: Start) -> None:
    terminal = start(ready="", environ={"FAKE_DELAY": "0.7"})
    terminal.wait_for(f"{SIGN}")
    terminal.line("early bird")
    terminal.wait_for("You said: early bird")


def test_an_answer_stays_in_the_scrollback_and_the_prompt_below_it(start: Start) -> None:
    terminal = start()
    terminal.line("markdown")
    terminal.wait_for("The end.")
    terminal.settle()
    assert "def f(x):" in terminal.everything
    assert terminal.everything.count("A heading") == 1
    assert terminal.prompt_line == f"{SIGN}"
    assert "9% context" in terminal.text


def test_control_sequences_and_markup_of_the_model_are_only_text(start: Start) -> None:
    terminal = start()
    terminal.line("evil")
    terminal.wait_for("[bold]not markup[/bold]")
    assert b"owned" not in terminal.raw
    assert b"\x1b[2J" not in terminal.raw
    assert b"\x1b]0;" not in terminal.raw
    assert b"\x1b]2;" not in terminal.raw


def test_tool_calls_show_names_results_and_folded_output(start: Start) -> None:
    terminal = start(rows=40)
    terminal.line("tools")
    terminal.wait_for("You said: done with tools")
    shown = terminal.everything
    assert "▪ Bash npm test -- --all" in shown
    assert "+15 lines" in shown
    assert '      9 -     print("hello")' in shown
    assert "120 lines" in shown
    assert "test 9 passed" not in terminal.text
    terminal.send("\x0f")
    terminal.wait_for("test 9 passed")


def test_yes_by_digit(start: Start) -> None:
    terminal = start()
    terminal.line("ask")
    terminal.wait_for("Run this command?")
    terminal.settle(0.4)
    terminal.send("1")
    terminal.wait_for("decided allow_once")


def test_always_allow_names_its_rule(start: Start) -> None:
    terminal = start()
    terminal.line("ask")
    terminal.wait_for("always allow Bash(rm build:*)")
    terminal.settle(0.4)
    terminal.send("2")
    terminal.wait_for("decided allow_always")


def test_no_takes_a_reason(start: Start) -> None:
    terminal = start()
    terminal.line("ask")
    terminal.wait_for("Run this command?")
    terminal.settle(0.4)
    terminal.send("\x1b[B\x1b[B")
    terminal.wait_for(f"{SIGN} 3. No")
    terminal.send("\r")
    terminal.wait_for("instead?")
    terminal.send("use make clean")
    terminal.wait_for("use make clean")
    terminal.send("\r")
    terminal.wait_for("decided reject_once use make clean")


def test_escape_dismisses_an_approval_and_ends_the_turn(start: Start) -> None:
    terminal = start()
    terminal.line("ask")
    terminal.wait_for("Run this command?")
    terminal.settle(0.4)
    terminal.send("\x1b")
    terminal.wait_for("decided cancelled")
    terminal.wait_for("Interrupted")


def test_an_approval_shows_what_a_terminal_would_hide(start: Start) -> None:
    terminal = start()
    terminal.line("ask")
    terminal.wait_for("Run this command?")
    assert "\\u202e" in terminal.everything
    assert "would not be visible" in terminal.everything


def test_keys_typed_before_an_approval_appeared_do_not_answer_it(start: Start) -> None:
    terminal = start()
    terminal.line("ask")
    end = time.monotonic() + 0.9
    while time.monotonic() < end:
        terminal.send("1")
        terminal.settle(0.1)
    assert "decided" not in terminal.everything
    terminal.settle(0.4)
    terminal.send("1")
    terminal.wait_for("decided allow_once")
    assert terminal.prompt_line.startswith(f"{SIGN} 111"), "what was typed stands in the prompt"


def test_shift_tab_in_an_edit_approval_accepts_edits_from_then_on(start: Start) -> None:
    terminal = start(rows=40)
    terminal.line("edit")
    terminal.wait_for("Make this edit to app.py?")
    assert '+     name = "world"' in terminal.everything
    terminal.settle(0.4)
    terminal.send("\x1b[Z")
    terminal.wait_for("decided allow_once")
    terminal.wait_for("accept edits")


@pytest.mark.parametrize("key", ["\x1b", "\x03"], ids=["escape", "ctrl-c"])
@pytest.mark.parametrize("prompt", ["wait", "silent"])
def test_an_interrupt_brings_the_prompt_back_at_once_and_keeps_what_was_said(
    start: Start, key: str, prompt: str
) -> None:
    terminal = start()
    terminal.line(prompt)
    terminal.wait_for("Still open" if prompt == "wait" else "Esc to interrupt")
    terminal.settle(0.2)
    terminal.send(key)
    assert terminal.wait_for("Interrupted") < 0.5
    terminal.settle()
    if prompt == "wait":
        assert "Partial answer." in terminal.everything
        assert "Still open" in terminal.everything
    else:
        assert terminal.prompt_line == f"{SIGN} silent", "nothing had happened: the prompt comes back"


def test_what_is_sent_while_busy_waits_visibly_and_runs_after_an_interrupt(start: Start) -> None:
    terminal = start()
    terminal.line("wait")
    terminal.wait_for("Still open")
    terminal.line("second thing")
    terminal.wait_for("queued · second thing")
    terminal.send("\x1b")
    terminal.wait_for("You said: second thing")


def test_up_takes_back_what_waits(start: Start) -> None:
    terminal = start()
    terminal.line("wait")
    terminal.wait_for("Still open")
    terminal.line("second thing")
    terminal.wait_for("queued · second thing")
    terminal.send("\x1b[A")
    terminal.wait_gone("queued")
    assert terminal.prompt_line == f"{SIGN} second thing"


def test_a_word_thrown_in_is_heard_in_the_running_turn(start: Start) -> None:
    terminal = start()
    terminal.line("steer")
    terminal.wait_for("Working on it.")
    terminal.line("also this")
    terminal.wait_for("You said: after steering")
    terminal.settle()
    assert terminal.everything.count(f"{SIGN} also this") == 1
    assert "queued" not in terminal.text


def test_an_error_puts_the_prompt_back(start: Start) -> None:
    terminal = start()
    terminal.line("fail please")
    terminal.wait_for("Cannot reach the server")
    terminal.until(lambda: terminal.prompt_line == f"{SIGN} fail please", "the prompt's return")
    assert "Trying again" in terminal.everything


def test_ctrl_c_clears_then_warns_then_leaves(start: Start) -> None:
    terminal = start()
    terminal.send("half a thought")
    terminal.wait_for("half a thought")
    terminal.send("\x03")
    terminal.until(lambda: terminal.prompt_line == f"{SIGN}", "an empty prompt")
    terminal.send("\x1b[A")
    terminal.until(lambda: terminal.prompt_line == f"{SIGN} half a thought", "its return")
    terminal.send("\x03")
    terminal.until(lambda: terminal.prompt_line == f"{SIGN}", "an empty prompt")
    terminal.send("\x03")
    terminal.wait_for("again leaves")
    terminal.send("\x03")
    assert terminal.wait_end() == 0


def test_ctrl_d_leaves(start: Start) -> None:
    terminal = start()
    terminal.send("\x04")
    assert terminal.wait_end() == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_in_good_order(start: Start, number: int, status: int) -> None:
    terminal = start()
    terminal.line("wait")
    terminal.wait_for("Still open")
    terminal.signal(number)
    assert terminal.wait_end() == status
    assert b"\x1b[?2004l" in terminal.raw[-400:], "bracketed paste is switched off again"


def test_a_closed_window_ends_the_program(start: Start) -> None:
    terminal = start()
    terminal.line("wait")
    terminal.wait_for("Still open")
    terminal.hang_up()
    end = time.monotonic() + 10
    status = None
    while status is None and time.monotonic() < end:
        pid, code = os.waitpid(terminal.pid, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if pid else None
        time.sleep(0.05)
    terminal.status = status if status is not None else terminal.status
    assert status == 129


def test_every_size_keeps_the_input(start: Start) -> None:
    terminal = start()
    terminal.line("wait")
    terminal.wait_for("Still open")
    terminal.send("kept text")
    for columns, rows in [(10, 3), (1, 1), (3, 2), (200, 60), (20, 5), (80, 24)]:
        terminal.resize(columns, rows)
        terminal.settle(0.25)
        assert terminal.status is None
    terminal.until(lambda: terminal.prompt_line == f"{SIGN} kept text", "the input")
    terminal.send("\x03")
    terminal.wait_for("Interrupted")


def test_an_approval_survives_a_tiny_window(start: Start) -> None:
    terminal = start()
    terminal.line("ask")
    terminal.wait_for("Run this command?")
    terminal.resize(10, 3)
    terminal.settle(0.5)
    terminal.resize(80, 24)
    terminal.settle(0.5)
    terminal.send("1")
    terminal.wait_for("decided allow_once")


def test_lines_are_continued_by_backslash_and_alt_enter(start: Start) -> None:
    terminal = start()
    terminal.send("one\\")
    terminal.wait_for("one\\")
    terminal.send("\r")
    terminal.send("two")
    terminal.wait_for("two")
    terminal.send("\x1b\r")
    terminal.send("three")
    terminal.wait_for("three")
    terminal.send("\r")
    terminal.wait_for("You said: one")
    terminal.wait_for("three")


def test_a_long_paste_is_folded_and_sent_whole(start: Start) -> None:
    terminal = start()
    text = "\r".join(f"pasted {i}" for i in range(12))
    terminal.send(f"\x1b[200~{text}\x1b[201~")
    terminal.wait_for("[Pasted text #1 +11 lines]")
    terminal.send("\r")
    terminal.wait_for("pasted 11")


def test_a_backspace_takes_a_folded_paste_as_a_whole(start: Start) -> None:
    terminal = start()
    terminal.send("\x1b[200~" + "x\r" * 9 + "\x1b[201~")
    terminal.wait_for("[Pasted text #1 +9 lines]")
    terminal.send("\x7f")
    terminal.wait_gone("[Pasted")
    assert terminal.prompt_line == f"{SIGN}"


def test_a_paste_without_marks_is_not_sent_line_by_line(start: Start) -> None:
    terminal = start()
    terminal.send("first\rsecond\rthird")
    terminal.wait_for("third")
    terminal.settle()
    assert "You said" not in terminal.everything


def test_the_slash_menu_finds_and_runs_a_command(start: Start) -> None:
    terminal = start()
    terminal.send("/he")
    terminal.wait_for("List the commands")
    terminal.send("\r")
    terminal.wait_for("Commands")
    assert f"{SIGN} /help" in terminal.everything


def test_a_command_may_ask(start: Start) -> None:
    terminal = start()
    terminal.line("/model")
    terminal.wait_for("Which model?")
    terminal.settle(0.4)
    terminal.send("2")
    terminal.wait_for("Model: k3")


def test_a_file_is_completed_after_an_at_sign(start: Start, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "needle.py").write_text("")
    terminal = start()
    terminal.send("look at @need")
    terminal.wait_for("src/needle.py")
    terminal.send("\t")
    terminal.until(lambda: terminal.prompt_line == f"{SIGN} look at @src/needle.py", "the completion")


def test_a_shell_command_runs_and_is_shown(start: Start) -> None:
    terminal = start()
    terminal.send("!echo shell-$((40 + 2))")
    terminal.until(lambda: terminal.prompt_line.startswith("!echo"), "the shell prompt")
    terminal.send("\r")
    terminal.wait_for("shell-42")


def test_shift_tab_goes_through_the_modes(start: Start) -> None:
    terminal = start()
    terminal.send("\x1b[Z")
    terminal.wait_for("accept edits")
    terminal.send("\x1b[Z")
    terminal.wait_for("plan mode")
    terminal.send("\x1b[Z")
    terminal.wait_gone("plan mode")


def test_how_far_commands_are_fenced_stands_in_the_status_line(start: Start) -> None:
    terminal = start()
    terminal.wait_for("main* · sandbox: partial")
    for _ in range(3):
        terminal.send("\x1b[Z")
    terminal.wait_for("auto mode (Shift-Tab) · sandbox: partial · fake-k2")


def test_a_status_line_of_ones_own_stands_below(start: Start) -> None:
    script = 'python3 -c \'import json,sys; d = json.load(sys.stdin); print(d["model"]["id"], d["cost"])\''
    terminal = start(environ={"FAKE_STATUS": f"printf '\\033[31mown '; {script}"})
    terminal.wait_for("own fake-k2 {'total_cost_usd': 0.05")


def test_history_outlives_the_program(start: Start) -> None:
    first = start()
    first.line("remember me")
    first.wait_for("You said: remember me")
    first.wait_gone("Esc to interrupt")
    first.settle()
    first.send("\x04")
    first.wait_end()
    second = start()
    second.settle()
    second.send("\x1b[A")
    second.until(lambda: second.prompt_line == f"{SIGN} remember me", "the earlier prompt")


def test_what_was_being_typed_when_it_ended_comes_back(start: Start) -> None:
    first = start()
    first.send("half a sentence")
    first.wait_for("half a sentence")
    first.signal(signal.SIGTERM)
    first.wait_end()
    second = start()
    second.settle()
    second.send("\x1b[A")
    second.until(lambda: second.prompt_line == f"{SIGN} half a sentence", "the unsent prompt")


def test_ctrl_r_searches_the_history(start: Start) -> None:
    terminal = start()
    for text in ("alpha one", "beta two"):
        terminal.line(text)
        terminal.wait_for(f"You said: {text}")
    terminal.settle()
    terminal.send("\x12")
    terminal.send("alp")
    terminal.until(lambda: terminal.prompt_line == f"{SIGN} alpha one", "the found prompt")


def test_why_it_is_asked_is_broken_between_words(start: Start) -> None:
    reason = "python3 in 'python3 greet.py' needs approval"
    terminal = start(columns=40, environ={"FAKE_REASON": reason})
    terminal.line("ask")
    terminal.wait_for("Run this command?")
    terminal.settle()
    assert [line.strip() for line in terminal.lines if "approval" in line] == ["approval"]


def test_a_stored_session_is_picked_by_typing(start: Start) -> None:
    terminal = start("--resume", ready="Which conversation?")
    terminal.settle(0.4)
    rows = [line for line in terminal.lines if "Talk" in line]
    assert rows
    assert all(row.endswith("messages") for row in rows)
    terminal.send("17")
    terminal.wait_gone("Talk 16")
    terminal.send("\r")
    terminal.wait_for("resumed id17")


def test_ctrl_g_edits_the_prompt(start: Start, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\necho "edited text" > "$1"\n')
    editor.chmod(0o755)
    terminal = start(environ={"EDITOR": str(editor)})
    terminal.send("draft")
    terminal.wait_for("draft")
    terminal.send("\x07")
    terminal.until(lambda: terminal.prompt_line == f"{SIGN} edited text", "the edited prompt")


def test_without_colours_nothing_is_coloured(start: Start) -> None:
    terminal = start(environ={"NO_COLOR": "1"}, rows=40)
    terminal.line("tools")
    terminal.wait_for("You said: done with tools")
    assert not [code for code in range(31, 38) if f"\x1b[{code}m".encode() in terminal.raw]


def test_an_ascii_terminal_gets_ascii(start: Start) -> None:
    terminal = start(environ={"PYTHONIOENCODING": "ascii"}, rows=40)
    terminal.line("tools")
    terminal.wait_for("You said: done with tools")
    assert terminal.raw.isascii()


def test_a_dumb_terminal_is_talked_to_in_lines(start: Start) -> None:
    terminal = start(ready="plain", environ={"TERM": "dumb", "PYTHONIOENCODING": "ascii"})
    terminal.send("ask\n")
    terminal.wait_for("Run this command?")
    terminal.send("1\n")
    terminal.wait_for("decided allow_once")
    terminal.send("markdown\n")
    terminal.wait_for("The end.")
    assert b"\x1b" not in terminal.raw
    terminal.send("\x04")
    assert terminal.wait_end() == 0
    assert terminal.raw.endswith(b"\n")
