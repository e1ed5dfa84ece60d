"""Markdown is cut into blocks that can be shown for good."""

from hypothesis import given
from hypothesis import strategies as st

from kcode.frontends.repl.blocks import LONG_CODE, LONG_LIST, Block, Blocks


def cut(text: str, size: int = 1000) -> list[Block]:
    blocks = Blocks()
    done: list[Block] = []
    for i in range(0, len(text), size):
        blocks.feed(text[i : i + size])
        done += blocks.finished()
    return done + blocks.close()


def test_paragraphs_are_blocks() -> None:
    assert [b.text for b in cut("one\nmore\n\ntwo\n\n\nthree")] == ["one\nmore", "two", "three"]


def test_a_block_is_finished_as_soon_as_the_next_one_begins() -> None:
    blocks = Blocks()
    blocks.feed("one\n\nt")
    assert [b.text for b in blocks.finished()] == ["one"]
    assert blocks.open(100).strip() == "t"


def test_code_keeps_its_blank_lines_and_language() -> None:
    assert cut("```python\na = 1\n\nb = 2\n```\nafter") == [
        Block("a = 1\n\nb = 2", code=True, language="python"),
        Block("after"),
    ]


def test_fences_inside_a_longer_fence_are_code() -> None:
    assert cut("````md\n```py\nx\n```\n````") == [Block("```py\nx\n```", code=True, language="md")]


def test_an_unclosed_fence_ends_with_the_answer() -> None:
    assert cut("```\nx = 1") == [Block("x = 1", code=True)]


def test_a_list_item_keeps_its_indented_paragraphs() -> None:
    assert [b.text for b in cut("- one\n\n  more of one\n- two\n\nafter")] == [
        "- one\n\n  more of one\n- two",
        "after",
    ]


def test_items_apart_by_blank_lines_stay_close_together() -> None:
    assert [b.joined for b in cut("- one\n\n- two\n\nafter")] == [False, True, False]


def test_long_code_and_long_lists_are_shown_in_parts() -> None:
    code = cut("```\n" + "x\n" * LONG_CODE * 5 + "```")
    assert len(code) > 1
    assert all(b.joined for b in code[1:])
    assert sum(b.text.count("\n") + 1 for b in code) == LONG_CODE * 5
    assert len(cut("- x\n" * LONG_LIST * 3)) == 3


def test_the_open_block_is_looked_at_from_its_end() -> None:
    blocks = Blocks()
    blocks.feed("word " * 10_000)
    assert blocks.finished() == []
    assert len(blocks.open(500)) == 500


@given(st.text(alphabet="ab`~-*1. \n", max_size=200), st.integers(1, 7))
def test_how_a_text_comes_in_pieces_changes_no_word_of_it(text: str, size: int) -> None:
    def words(blocks: list[Block]) -> str:
        return "".join("".join(b.text.split()) for b in blocks)

    assert words(cut(text, size)) == words(cut(text))


@given(st.lists(st.sampled_from(["para", "- item", "```", "", "    code", "1. one", "| a |"]), max_size=30))
def test_nothing_that_is_said_is_left_out(lines: list[str]) -> None:
    shown = "\n".join(b.text for b in cut("\n".join(lines), 3))
    for word in ("para", "item", "code", "one", "a |"):
        assert shown.count(word) == sum(word in line for line in lines)
