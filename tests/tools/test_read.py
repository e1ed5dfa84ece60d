"""Reading shows what is there, in pieces of a bearable size, and refuses clearly what cannot be shown."""

import base64
import hashlib
import io
import json
import os
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kcode.types.errors import ToolError
from kcode.types.messages import ImagePart
from kcode.types.tool import PathNeed

if TYPE_CHECKING:
    from conftest import Bench
else:
    Bench = object


async def test_lines_are_numbered_as_cat_does(bench: Bench):
    bench.file("a.py", "one\n\n\ttwo\n")
    assert await bench.text("read", file_path="a.py") == "     1\tone\n     2\t\n     3\t\ttwo"


async def test_what_was_seen_is_reported_with_its_hash(bench: Bench):
    path = bench.file("a.py", "one\ntwo\nthree\n")
    await bench.call("read", file_path="a.py")
    seen = bench.state.seen[str(path)]
    assert (seen.start, seen.end, seen.whole) == (1, 3, True)
    assert seen.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    await bench.call("read", file_path="a.py", offset=2, limit=1)
    seen = bench.state.seen[str(path)]
    assert (seen.start, seen.end, seen.whole) == (2, 2, False)


async def test_reading_again_gives_the_content_again(bench: Bench):
    bench.file("a.py", "one\n")
    first = await bench.text("read", file_path="a.py")
    assert await bench.text("read", file_path="a.py") == first


@pytest.mark.parametrize(
    ("arguments", "lines", "note"),
    [
        ({"offset": 3, "limit": 2}, [3, 4], "offset=5"),
        ({"offset": 9}, [9, 10], ""),
        ({"offset": 0, "limit": 1}, [1], "offset=2"),
        ({"offset": -2}, [9, 10], ""),
        ({"offset": -50, "limit": 2}, [1, 2], "offset=3"),
        ({"limit": -1}, list(range(1, 11)), ""),
    ],
)
async def test_offset_and_limit_choose_lines(
    bench: Bench, arguments: dict[str, int], lines: list[int], note: str
):
    bench.file("a.txt", "".join(f"line {n}\n" for n in range(1, 11)))
    text = await bench.text("read", file_path="a.txt", **arguments)
    shown = [int(line.split("\t")[0]) for line in text.splitlines() if "\t" in line]
    assert shown == lines
    assert ("go on with" in text) == bool(note)
    assert note in text


async def test_two_thousand_lines_are_shown_unless_asked_for_more(bench: Bench):
    bench.file("a.txt", "x\n" * 3000)
    text = await bench.text("read", file_path="a.txt")
    assert "[lines 1-2000 of 3000; go on with offset=2001]" in text
    assert "  3000\tx" in await bench.text("read", file_path="a.txt", limit=3000)


async def test_the_whole_result_is_bounded_and_can_be_gone_on_with(bench: Bench):
    bench.file("a.txt", ("y" * 500 + "\n") * 1000)
    text = await bench.text("read", file_path="a.txt")
    assert len(text) < 41_000
    assert "as much as one call shows" in text
    following = int(text.rsplit("offset=", 1)[1].rstrip("]"))
    assert (await bench.text("read", file_path="a.txt", offset=following)).startswith(f"{following:>6}\ty")


async def test_an_overlong_line_is_cut_with_a_note(bench: Bench):
    path = bench.file("a.js", "short\n" + "z" * 10_000 + "\n")
    text = await bench.text("read", file_path="a.js")
    assert "8,000 more characters" in text
    assert len(text) < 3000
    assert not bench.state.seen[str(path)].whole


async def test_past_the_end_says_how_long_the_file_is(bench: Bench):
    bench.file("a.txt", "x\n" * 5)
    assert "5 lines; line 6 is past its end" in await bench.refusal("read", file_path="a.txt", offset=6)


async def test_an_empty_file_says_so(bench: Bench):
    path = bench.file("a.txt")
    assert "empty" in await bench.text("read", file_path="a.txt")
    assert bench.state.seen[str(path)].whole


@pytest.mark.parametrize(
    ("data", "shown", "note"),
    [
        (b"a\r\nb\r\n", ["a", "b"], ""),
        (b"\xef\xbb\xbfa\n", ["a"], ""),
        ("wörd\n".encode("utf-16"), ["wörd"], "utf-16-le"),
        (b"caf\xe9 au lait\n", ["caf"], "read as"),
    ],
)
async def test_other_encodings_are_read(bench: Bench, data: bytes, shown: list[str], note: str):
    bench.file("a.txt", data)
    text = await bench.text("read", file_path="a.txt")
    for n, line in enumerate(shown, start=1):
        assert f"{n:>6}\t{line}" in text
    assert note in text
    assert text.encode()
    assert "\r" not in text
    assert "\ufeff" not in text


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x7fELF\x02\x01\0\0", "ELF"),
        (b"PK\x03\x04\0\0", "ZIP"),
        (b"\0\1\2" * 50, "binary"),
        (b"SQLite format 3\0", "SQLite"),
    ],
)
async def test_a_binary_file_is_refused_with_its_kind_and_size(bench: Bench, data: bytes, kind: str):
    bench.file("a.bin", data)
    text = await bench.refusal("read", file_path="a.bin")
    assert kind in text
    assert f"{len(data)} bytes" in text


async def test_devices_and_pipes_are_refused_at_once(bench: Bench):
    os.mkfifo(bench.root / "pipe")
    for name in ("pipe", "/dev/zero", "/proc/self/environ"):
        assert "regular files only" in await bench.refusal("read", file_path=name)


async def test_a_folder_is_listed(bench: Bench):
    bench.file("src/a.py", "12345")
    bench.file("src/sub/b.py")
    bench.file("src/we\x1bird\n.txt")
    (bench.root / "src/gone").symlink_to("nowhere")
    text = await bench.text("read", file_path="src")
    assert text.splitlines() == [
        "src is a folder with 4 entries:",
        "a.py  5 bytes",
        "gone  (broken link)",
        "sub/",
        "we\\x1bird\\n.txt  0 bytes",
    ]


async def test_a_link_into_nothing_says_so(bench: Bench):
    (bench.root / "link").symlink_to("nowhere")
    assert "link to something that does not exist" in await bench.refusal("read", file_path="link")


async def test_a_circle_of_links_says_so(bench: Bench):
    (bench.root / "circle").symlink_to("circle")
    assert "circle" in await bench.refusal("read", file_path="circle")


async def test_a_file_swapped_for_a_link_after_permission_is_not_read(bench: Bench):
    path = bench.file("a.txt", "x\n")
    secret = bench.file("../secret.txt", "secret\n")
    invocation = await bench.prepare("read", {"file_path": "a.txt"})
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(ToolError, match="another file"):
        await bench.finish(invocation)


async def test_a_misspelt_path_is_found_and_the_repair_is_reported(bench: Bench):
    bench.file("src/App.py", "x\n")
    output = await bench.call("read", file_path='"src/app.py"')
    assert [(r.place, r.kind) for r in output.repairs] == [("meaning", "quotes+case")]
    assert output.parts[0].type == "text"
    assert "[src/App.py]" in output.parts[0].text


async def test_a_missing_file_offers_names(bench: Bench):
    bench.file("src/app.py")
    assert "Did you mean src/app.py" in await bench.refusal("read", file_path="src/apq.py")


async def test_what_a_read_needs_and_touches_is_declared(bench: Bench):
    path = bench.file("src/a.py", "x\n")
    invocation = await bench.prepare("read", {"file_path": "src/a.py"})
    assert invocation.rule == "Read(src/a.py)"
    assert invocation.access.reads == {path}
    assert not invocation.side_effects
    outside = path.parent.parent.parent / "other.txt"
    outside.write_text("x\n")
    assert (await bench.prepare("read", {"file_path": str(outside)})).rule == f"Read(/{outside})"


def picture(size: tuple[int, int], form: str, *, noisy: bool = False, mode: str = "RGB") -> bytes:
    from PIL import Image

    image = Image.effect_noise(size, 100).convert(mode) if noisy else Image.new(mode, size)
    data = io.BytesIO()
    image.save(data, form)
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.png", picture((40, 30), "PNG"), "image/png"),
        ("a.jpg", picture((40, 30), "JPEG"), "image/jpeg"),
        ("wrong-suffix.txt", picture((40, 30), "PNG"), "image/png"),
        ("a.webp", picture((40, 30), "WEBP"), "image/webp"),
        ("a.gif", picture((40, 30), "GIF"), "image/gif"),
    ],
)
async def test_a_small_picture_is_sent_as_it_is(bench: Bench, name: str, data: bytes, kind: str):
    bench.file(name, data)
    output = await bench.call("read", file_path=name)
    part = output.parts[1]
    assert isinstance(part, ImagePart)
    assert part.media_type == kind
    assert base64.b64decode(part.data) == data


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("wide.png", picture((3000, 20), "PNG")),
        ("heavy.png", picture((900, 900), "PNG", noisy=True)),
        ("clear.png", picture((2500, 800), "PNG", noisy=True, mode="RGBA")),
        ("a.bmp", picture((40, 30), "BMP")),
        ("big.jpg", picture((2600, 1400), "JPEG", noisy=True)),
    ],
)
async def test_a_large_picture_is_made_smaller(bench: Bench, name: str, data: bytes):
    from PIL import Image

    bench.file(name, data)
    output = await bench.call("read", file_path=name)
    part = output.parts[1]
    assert isinstance(part, ImagePart)
    sent = base64.b64decode(part.data)
    with Image.open(io.BytesIO(sent)) as image:
        assert max(image.size) <= 2000
        assert f"image/{image.format}".lower() == part.media_type
    assert len(sent) <= 256 * 1024


@pytest.mark.parametrize("cut", [20, 60])
async def test_a_damaged_picture_is_refused(bench: Bench, cut: int):
    bench.file("a.png", picture((300, 300), "PNG")[:cut])
    assert "damaged" in await bench.refusal("read", file_path="a.png")


@pytest.mark.parametrize("side", [11_000, 60_000])
async def test_a_picture_that_would_fill_the_memory_is_refused(bench: Bench, side: int):
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    bench.file("bomb.png", b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + b"\0" * 8)
    assert "too many pixels" in await bench.refusal("read", file_path="bomb.png")


async def test_a_notebook_is_shown_by_cells(bench: Bench):
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        {
            "cell_type": "code",
            "source": "1 + 1",
            "outputs": [
                {"data": {"text/plain": ["2"], "image/png": "AAAA"}},
                {"ename": "ValueError", "evalue": "bad"},
                {"text": "p" * 5000},
            ],
        },
    ]
    bench.file("a.ipynb", json.dumps({"cells": cells}))
    text = await bench.text("read", file_path="a.ipynb")
    for words in ("[cell 0, markdown]", "# Title", "1 + 1", "ValueError: bad", "[image/png]", "4,000 more"):
        assert words in text
    bench.file("broken.ipynb", '{"cells": ')
    assert '     1\t{"cells": ' in await bench.text("read", file_path="broken.ipynb")


def _pdf(words: str) -> bytes:
    drawn = f"BT /F1 24 Tf 20 100 Td ({words}) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>/MediaBox[0 0 200 200]>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawn), drawn),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    data, table = b"%PDF-1.4\n", b"xref\n0 6\n0000000000 65535 f \n"
    for number, one in enumerate(objects, start=1):
        table += b"%010d 00000 n \n" % len(data)
        data += b"%d 0 obj%s endobj\n" % (number, one)
    return data + table + b"trailer<</Root 1 0 R/Size 6>>\nstartxref\n%d\n%%%%EOF\n" % len(data)


async def test_the_text_of_a_pdf_file_is_read_page_by_page(bench: Bench):
    bench.file("a.pdf", _pdf("Hello pages"))
    text = await bench.text("read", file_path="a.pdf")
    assert "[page 1 of 1]" in text
    assert "Hello pages" in text
    bench.file("empty.pdf", _pdf(""))
    assert "[no text" in await bench.text("read", file_path="empty.pdf")


@pytest.mark.parametrize("data", [b"%PDF-1.4\nnot really\n", _pdf("Hello")[:200], b"%PDF-"])
async def test_a_damaged_pdf_file_says_so(bench: Bench, data: bytes):
    bench.file("a.pdf", data)
    assert "cannot be read" in await bench.refusal("read", file_path="a.pdf")


async def test_a_line_of_a_hundred_megabytes_costs_little_memory(bench: Bench):
    path = bench.file("a.json", b"[" + b"1," * (50 << 20) + b"1]\n")
    tracemalloc.start()
    try:
        text = await bench.text("read", file_path="a.json")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert text.startswith("     1\t[1,1,")
    assert len(text) < 3000
    assert "bytes" in text
    assert peak < 32 << 20
    assert str(path) not in bench.state.seen


async def test_any_line_of_a_very_large_file_can_be_read(bench: Bench):
    path = bench.root / "big.log"
    with path.open("wb") as file:
        file.writelines(b"%d %s\n" % (n, b"." * 90) for n in range(1, 120_001))
    text = await bench.text("read", file_path="big.log", offset=100_000, limit=2)
    assert text.splitlines()[0].startswith("100000\t100000 ...")
    assert text.splitlines()[1].startswith("100001\t100001 ...")
    assert "offset=100002" in text
    assert "120000 lines" in await bench.refusal("read", file_path="big.log", offset=200_000)
    assert "tail" in await bench.refusal("read", file_path="big.log", offset=-1)


async def test_a_sparse_file_of_five_gigabytes_is_refused_without_being_read(bench: Bench):
    path = bench.root / "huge"
    with path.open("wb") as file:
        file.truncate(5 << 30)
    assert "binary" in await bench.refusal("read", file_path="huge")


@pytest.mark.parametrize("tool", ["read", "edit", "write", "grep", "glob"])
async def test_leave_is_needed_for_the_name_and_for_the_file_that_it_led_to(
    bench: Bench, tmp_path: Path, tool: str
):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("x\n")
    link = bench.environment.root / "link"
    link.symlink_to(outside if tool == "glob" else outside / "a")
    arguments = {
        "read": {"file_path": "link"},
        "edit": {"file_path": "link", "old_string": "x", "new_string": "y"},
        "write": {"file_path": "link", "content": "x\n"},
        "grep": {"path": "link", "pattern": "x"},
        "glob": {"path": "link", "pattern": "*"},
    }
    if tool == "write":
        await bench.call("read", file_path="link")
    invocation = await bench.prepare(tool, arguments[tool])
    assert {need.path for need in invocation.needs if isinstance(need, PathNeed)} == {link, link.resolve()}
