from session_logs import answer, result, started, turn, user

from kcode.session.export import answers, to_markdown
from kcode.session.fold import fold
from kcode.types.events import MessageAdded
from kcode.types.messages import AssistantMessage, ImagePart, TextPart, ThinkingPart, UserMessage


def test_a_conversation_becomes_a_document() -> None:
    text = to_markdown(
        [user("hello"), answer("I look.", "a"), started("a"), result("a", "42")], title="Numbers"
    )
    assert text.startswith(
        "# Numbers\n\n## User\n\nhello\n\n## Assistant\n\nI look.\n\n**Bash** Bash\n\n```json\n{}\n```"
    )
    assert "Result:\n\n```\n42\n```" in text


def test_output_that_holds_fences_does_not_end_its_own() -> None:
    text = to_markdown([user(), answer("", "a"), result("a", "```\n````\n")])
    assert "`````\n```\n````\n`````" in text


def test_thinking_is_written_on_request_only() -> None:
    said = AssistantMessage(parts=(ThinkingPart(text="hm\nso"), TextPart(text="yes")))
    events = [MessageAdded(message=said)]
    assert "hm" not in to_markdown(events)
    assert "> hm\n> so" in to_markdown(events, thinking=True)


def test_pictures_and_very_long_output_are_mentioned() -> None:
    image = ImagePart(media_type="image/png", data="aaaa")
    said = MessageAdded(message=UserMessage(parts=(TextPart(text="see"), image)))
    text = to_markdown([said, answer("", "a"), result("a", "x" * 30_000)])
    assert "*(image)*" in text
    assert "10000 more characters" in text
    assert "aaaa" not in text


def test_the_answers_come_newest_first() -> None:
    transcript = fold([*turn("one"), user("two"), answer("second"), answer(" ")]).transcript
    assert list(answers(transcript)) == ["second", "done"]
