"""/context, /compact, /uncompact, /memory and /init in a real conversation with a scripted model."""

from pathlib import Path

import pytest

from kcode.app.conversation import Conversation
from kcode.app.offline import Nobody
from kcode.app.start import open_conversation
from kcode.config.options import Options
from kcode.providers.scripted import ScriptedModel, Step, call, says
from kcode.types.messages import UserMessage


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    work = tmp_path / "work"
    (work / ".git").mkdir(parents=True)
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("KCODE_HOME", raising=False)
    (work / "notes.txt").write_text("a line of notes\n" * 300)
    return work


async def _open(folder: Path, steps: list[Step]) -> tuple[Conversation, ScriptedModel]:
    model = ScriptedModel(steps)
    return await open_conversation(Options(cwd=folder, trust=True), Nobody(), model=model), model


async def _text(conversation: Conversation, line: str) -> str:
    result = await conversation.command(line)
    assert result is not None
    return result.text


async def test_context_lists_what_fills_the_window_and_pins_and_drops_by_number(folder: Path) -> None:
    reads = [
        says("", call("Read", file_path="notes.txt")),
        says("", call("Read", file_path="notes.txt", offset=2)),
    ]
    conversation, model = await _open(folder, [*reads, says("Done."), says("Again.")])
    await conversation.prompt("read the notes")
    shown = await _text(conversation, "/context")
    for part in ("system prompt", "tools", "tool results", "free", "1. ", "Read:"):
        assert part in shown, part
    first, second = (m.call_id for m in conversation.state.transcript if m.role == "tool")
    items = conversation.context_report()["items"]
    assert isinstance(items, list)
    numbers = {str(i["id"]): n for n, i in enumerate(items, 1) if isinstance(i, dict) and "id" in i}
    said = await _text(conversation, f"/context pin {numbers[first]} drop {numbers[second]}")
    assert "1 pinned" in said
    assert "1 dropped" in said
    assert set(conversation.state.pinned) == {first}
    assert set(conversation.state.hidden) == {second}
    await conversation.prompt("go on")
    results = {m.call_id: m.text for m in model.requests[-1].messages if m.role == "tool"}
    assert "a line of notes" in results[first]
    assert "hidden to save room" in results[second]
    await conversation.close()


async def test_compact_tells_what_would_go_does_it_and_takes_it_back(folder: Path) -> None:
    steps: list[Step] = [says("", call("Read", file_path="notes.txt", offset=n + 1)) for n in range(12)]
    conversation, model = await _open(folder, [*steps, says("Done."), says("SUMMARY of it"), says("Yes.")])
    await conversation.prompt("read the notes twelve times")
    assert "would be replaced" in await _text(conversation, "/compact --dry-run")
    assert conversation.state.compacted is None
    assert "summarised" in await _text(conversation, "/compact the offsets")
    assert "the offsets" in model.requests[-1].messages[-1].text
    await conversation.prompt("and now?")
    assert any("SUMMARY of it" in m.text for m in model.requests[-1].messages)
    assert "taken back" in await _text(conversation, "/uncompact")
    assert conversation.state.compacted is None
    assert await _text(conversation, "/uncompact") == "No summary is in force."
    await conversation.close()


async def test_a_remembered_line_reaches_the_model_as_a_reminder_and_the_prefix_stays(folder: Path) -> None:
    (folder / "AGENTS.md").write_text("Use tabs.\n")
    conversation, model = await _open(folder, [says("One."), says("Two.")])
    await conversation.prompt("hello")
    assert "AGENTS.md" in await _text(conversation, "/memory")
    assert "Added to" in await _text(conversation, "/memory add never touch vendor/")
    assert (folder / "AGENTS.md").read_text().endswith("- never touch vendor/\n")
    await conversation.prompt("go on")
    before, after = model.requests[0].messages, model.requests[1].messages
    assert list(after[: len(before)]) == list(before)
    told = [m for m in after[len(before) :] if isinstance(m, UserMessage) and m.origin == "memory"]
    assert "never touch vendor/" in told[0].text
    await conversation.close()


async def test_init_asks_the_model_for_an_agents_file(folder: Path) -> None:
    conversation, _ = await _open(folder, [])
    result = await conversation.command("/init mind the build")
    assert result is not None
    assert "AGENTS.md" in result.prompt
    assert "mind the build" in result.prompt
    await conversation.close()


async def test_a_long_resumed_conversation_warns_of_its_price(folder: Path) -> None:
    (folder / "big.txt").write_text("".join(f"line {n} of a big file\n" for n in range(30_000)))
    steps: list[Step] = [says("", call("Read", file_path="big.txt", offset=1 + 2_000 * n)) for n in range(10)]
    conversation, _ = await _open(folder, [*steps, says("Done."), says("More.")])
    await conversation.prompt("read it ten times")
    assert conversation._agent.context.estimate(conversation.state) > 50_000
    notices: list[str] = []

    async def on_event(event: object) -> None:
        notices.append(getattr(event, "code", ""))

    conversation._parts.frontend.on_event = on_event
    await conversation.prompt("at once")
    assert "cold-prefix" not in notices
    conversation._asked_at = None
    await conversation.prompt("much later")
    assert "cold-prefix" in notices
    await conversation.close()
