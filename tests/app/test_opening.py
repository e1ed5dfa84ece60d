"""Opening a conversation that cannot be opened leaves nothing locked behind."""

from pathlib import Path

import pytest
from app_bench import Person, talk, writes

from kcode.app.start import open_conversation
from kcode.config.options import Options
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
