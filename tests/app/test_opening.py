"""Opening a conversation: what is left locked where it fails, and which of a folder's files count."""

from pathlib import Path

import pytest
from app_bench import Person, talk, writes

from kcode.app.start import open_conversation
from kcode.config.items import find_items
from kcode.config.options import Options
from kcode.providers.scripted import ScriptedModel, says
from kcode.session.read import read_session
from kcode.session.store import Store
from kcode.types.errors import ConfigError, SessionError


async def test_a_session_can_be_opened_again_after_its_model_could_not_be(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await talk(root, [writes(a_txt="1\n")])
    await first.says("first")
    session = first.conversation.session_id
    await first.conversation.close()
    store = Store(root.parent / "kcode", lambda _: None)
    log = store.find(session, root).path
    before = log.read_bytes()
    options = Options(cwd=root, resume=session, model="any")
    monkeypatch.setenv("KCODE_BASE_URL", "https://model.invalid/v1")
    monkeypatch.setenv("KCODE_API_KEY", "“copied with its quotes”")
    with pytest.raises(ConfigError, match="the API key has characters that no key has"):
        await open_conversation(options, Person())
    assert log.read_bytes() == before

    monkeypatch.setenv("KCODE_API_KEY", "sk-a-real-one")
    again = await open_conversation(options, Person())

    with pytest.raises(SessionError, match="open in another kcode"):
        store.resume(read_session(log))
    await again.close()
    store.resume(read_session(log)).close()


async def test_of_files_that_were_exchanged_after_the_answer_nothing_counts(root: Path) -> None:
    (root / "AGENTS.md").write_text("Whistle.\n")
    settings = root / ".kcode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"permissions": {"allow": ["Bash(make)"]}}')
    shown = {item.path: item.sha256 for item in find_items(root)}

    async def start() -> tuple[list[str], str, str]:
        person = Person()
        options = Options(cwd=root, accepted=shown)
        conversation = await open_conversation(options, person, model=ScriptedModel([says("a")]))
        await conversation.prompt("hi")
        told = "\n".join(message.text for message in conversation.state.transcript)
        rules = await conversation.command("/permissions")
        await conversation.close()
        return person.notices, told, rules.text if rules else ""

    as_shown, told, rules = await start()
    assert (as_shown, "Whistle" in told, "Bash(make)" in rules) == ([], True, True)

    settings.write_text('{"permissions": {"allow": ["Bash(evil)"]}}')
    notices, told, rules = await start()
    assert ".kcode/settings.json is not as you were shown" in notices[0]
    assert ("Whistle" in told, "make" in rules, "evil" in rules) == (False, False, False)
