"""Bytes to text and back: guesses are told, and bytes outside the edit never change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.editing import apply
from kcode.editing.encoding import EncodingRefusedError, decode, encode, looks_binary, readable


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("utf-8", "plain ascii\n"),
        ("utf-8", "naïve 世界\n"),
        ("utf-8-sig", "with a mark\n"),
        ("utf-16", "with a mark 世界\n"),
        ("utf-16-le", "no mark, mostly Latin\n"),
        ("utf-16-be", "no mark, mostly Latin\n"),
        ("utf-32", "rare but marked\n"),
        ("gbk", "# 配置文件\nname = 你好\uff0c世界\n"),
        ("gbk", "x = 1  # 这是注释\n"),
        ("shift_jis", "# 設定ファイル\nname = こんにちは世界\n"),
        ("latin-1", "café déjà vu, naïve\n"),
        ("latin-1", "# größer als Straße\nx = 'ÄÖÜ'\n"),
        ("cp1252", "it\u2019s a \u201cquoted\u201d café\n"),
    ],
)
def test_common_encodings_are_read_right_and_written_back_unchanged(codec: str, text: str):
    data = text.encode(codec)
    decoded = decode(data)
    assert decoded.text == text
    assert encode(decoded, data, decoded.text) == data


@pytest.mark.parametrize("codec", ["gbk", "shift_jis", "latin-1", "utf-16-le"])
def test_a_guess_is_told_and_certainty_is_not_doubted(codec: str):
    sample = (
        "plain words only\n"
        if codec == "utf-16-le"
        else {"gbk": "中文", "shift_jis": "ひらがな"}.get(codec, "é")
    )
    assert decode(sample.encode(codec)).doubt
    assert not decode("certain: é\n".encode()).doubt
    assert not decode("certain: é\n".encode("utf-16")).doubt


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "gbk", "shift_jis"])
def test_an_edit_keeps_the_bytes_around_it(codec: str):
    before, after = "# 世界 before\r\nvalue = 1\r\n", "# 世界 after\n"
    data = (before + after).encode(codec)
    decoded = decode(data)
    out = encode(decoded, data, apply(decoded.text, "value = 1", "value = 2"))
    assert out == (before + after).replace("value = 1", "value = 2").encode(codec)


@given(st.binary(max_size=200), st.integers(0, 200), st.text("abc é\n", max_size=5))
def test_whatever_the_guess_no_byte_outside_the_edited_span_changes(data: bytes, at: int, put: str):
    if looks_binary(data):
        return
    try:
        decoded = decode(data)
    except EncodingRefusedError:
        return
    at = min(at, len(decoded.text))
    text = decoded.text[:at] + put + decoded.text[at:]
    try:
        out = encode(decoded, data, text)
    except EncodingRefusedError:
        return
    gone = len(out) - len(data)
    fits = [n for n in range(len(data) + 1) if out.startswith(data[:n]) and out.endswith(data[n:])]
    assert gone >= 0
    assert fits


def test_two_ways_to_write_one_character_are_kept_apart():
    # Shift-JIS of NEC and IBM has some kanji twice; encoding the text again would turn one into the other.
    data = "これは\n".encode("cp932") + b"\xfa\x5c\nvalue = 1\n" + "です\n".encode("cp932")
    decoded = decode(data)
    assert decoded.encoding == "cp932"
    assert decoded.text.encode("cp932") != data
    out = encode(decoded, data, apply(decoded.text, "value = 1", "value = 2"))
    assert out == data.replace(b"value = 1", b"value = 2")


def test_a_few_broken_bytes_in_utf8_survive_an_edit_elsewhere():
    data = "é è à ü ö ä ñ ç\n".encode() * 5 + b"broken: \xff\nvalue = 1\n"
    decoded = decode(data)
    assert decoded.encoding == "utf-8"
    assert "1 bytes" in decoded.doubt
    assert "\ufffd" in readable(decoded.text)
    assert encode(decoded, data, apply(decoded.text, "value = 1", "value = 2")) == data.replace(
        b"= 1", b"= 2"
    )


@pytest.mark.parametrize(("codec", "held", "lost"), [("latin-1", "café\n", "世"), ("gbk", "中文字\n", "😀")])
def test_text_that_the_encoding_cannot_hold_is_refused_by_name(codec: str, held: str, lost: str):
    data = held.encode(codec)
    decoded = decode(data)
    with pytest.raises(EncodingRefusedError) as refusal:
        encode(decoded, data, decoded.text + lost)
    assert lost in str(refusal.value)
    assert f"U+{ord(lost):04X}" in str(refusal.value)


@pytest.mark.parametrize("data", [b"\x7fELF\x02\x01\x00\x00\x01", b"PK\x03\x04\x00\x00\x00", b"\x00" * 10])
def test_binary_files_are_no_text(data: bytes):
    assert looks_binary(data)
    with pytest.raises(EncodingRefusedError):
        decode(data)


def test_an_empty_file_is_utf8():
    assert decode(b"").text == ""
    assert encode(decode(b""), b"", "é") == "é".encode()


def test_the_byte_order_mark_stays_through_a_whole_rewrite():
    data = "one\n".encode("utf-16")
    assert encode(decode(data), data, "two 世\n") == "two 世\n".encode("utf-16")
