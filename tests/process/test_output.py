"""Output stays in flat memory and is cut where it does the least harm."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.process.output import Output, Spill, collapse_overwritten


def _fed(data: bytes, limit: int = 300, piece: int = 7, spill: Spill | None = None) -> Output:
    output = Output(limit, spill)
    for at in range(0, len(data), piece):
        output.feed(data[at : at + piece])
    return output


def test_output_that_fits_is_shown_as_it_is() -> None:
    output = _fed("né 你好\n".encode() * 3)

    assert output.text() == "né 你好\n" * 3
    assert not output.cut


def test_too_much_shows_the_beginning_and_the_end_in_whole_lines_and_counts_the_rest() -> None:
    data = "".join(f"line {n}\n" for n in range(1000))

    text = _fed(data.encode()).text()

    assert text.startswith("line 0\nline 1\n")
    assert text.endswith("line 998\nline 999\n")
    assert f"of {len(data):,} bytes left out" in text
    assert all(line in data or "left out" in line for line in text.splitlines())


@given(st.text(st.sampled_from("aé你👍"), min_size=200, max_size=400), st.integers(1, 50))
def test_a_cut_never_falls_into_a_character(text: str, piece: int) -> None:
    assert "\ufffd" not in _fed(text.encode(), limit=101, piece=piece).text()


@given(st.binary(max_size=2000), st.integers(1, 500), st.integers(3, 400))
def test_any_bytes_make_text(data: bytes, piece: int, limit: int) -> None:
    output = _fed(data, limit=limit, piece=piece)

    output.text().encode()
    assert output.total == len(data)


def test_invalid_bytes_are_replaced() -> None:
    assert _fed(b"a\xff\xfeb").text() == "a\ufffd\ufffdb"


def test_lines_that_look_like_errors_survive_from_the_middle() -> None:
    lines = [f"ok {n}" for n in range(3000)]
    lines[1500] = "src/a.py:3: TypeError: no"
    lines[1600] = "3 terrors of the night"

    text = _fed("\n".join(lines).encode(), limit=1000, piece=4096).text()

    assert "\nsrc/a.py:3: TypeError: no\n" in text
    assert "terrors" not in text


def test_the_same_error_again_and_again_is_kept_once() -> None:
    text = _fed(b"ok\n" * 500 + b"error: boom\n" * 500 + b"ok\n" * 500).text()

    assert text.count("error: boom") == 1


def test_memory_stays_flat_whatever_comes() -> None:
    output = Output(30_000)
    chunk = b"x error y\n" * 6553
    tracemalloc.start()
    for _ in range(2000):
        output.feed(bytes(chunk))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert output.total == 2000 * len(chunk)
    assert peak < 2_000_000


def test_the_whole_output_goes_to_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    data = b"".join(b"%d\n" % n for n in range(10_000))
    spill = Spill(tmp_path / "out.txt")

    output = _fed(data, spill=spill)

    assert output.spill == spill.path
    assert spill.path.read_bytes() == data
    assert spill.path.stat().st_mode & 0o777 == 0o600
    spill.close()


def test_output_that_fits_makes_no_file(tmp_path: Path) -> None:
    output = _fed(b"short", spill=Spill(tmp_path / "out.txt"))

    assert output.spill is None
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_capped_and_that_is_said(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "out.txt", cap=1000)

    output = _fed(b"x" * 5000, spill=spill)

    assert spill.path.stat().st_size == 1000
    assert output.problem == "the file ends after 1,000 bytes"


def test_a_file_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    output = _fed(b"x" * 5000, spill=Spill(tmp_path / "missing" / "out.txt"))

    assert output.spill is None
    assert "not complete" in output.problem


def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "out.txt").symlink_to(target)

    _fed(b"x" * 5000, spill=Spill(tmp_path / "out.txt"))

    assert not target.exists()


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("1%\r2%\r3%\rdone\nnext", "[overwritten 3 times] done\nnext"),
        ("once\rhidden\n", "once\rhidden\n"),
        ("windows\r\nlines\r\n", "windows\r\nlines\r\n"),
    ],
)
def test_progress_bars_shrink_to_their_last_state(text: str, want: str) -> None:
    assert collapse_overwritten(text) == want


def test_a_long_line_with_one_carriage_return_takes_linear_time() -> None:
    text = "x" * 300_000 + "\r" + "y" * 300_000

    assert collapse_overwritten(text) == text


def test_a_full_disk_ends_the_file_but_not_the_command() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    spill = Spill(Path("/dev/full"))

    output = _fed(b"x" * 5000, spill=spill)

    assert "No space left" in output.problem
    assert output.total == 5000
