"""A file is reached over no link, whichever way down the system offers, and whatever somebody does meanwhile."""

import asyncio
import contextlib
import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from kcode.environment import openat2
from kcode.environment.descend import OpenFolder, open_folder, walk
from kcode.environment.files import LocalFiles
from kcode.types.environment import FileChangedError

WAYS = {"one call": open_folder, "part by part": walk}
SECRET = b"outside"


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> OpenFolder:
    if request.param == "one call" and not openat2.available():
        pytest.skip("NOT TESTED: this system has no openat2, or forbids it")
    return WAYS[request.param]


@pytest.fixture
def files(way: OpenFolder) -> LocalFiles:
    return LocalFiles(way=way)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working folder with links of every kind, beside what is not to be touched."""
    work, outside = tmp_path / "work", tmp_path / "outside"
    (work / "a" / "b").mkdir(parents=True)
    (work / "a" / "b" / "file").write_bytes(b"inside")
    (outside / "deep").mkdir(parents=True)
    (outside / "file").write_bytes(SECRET)
    (outside / "deep" / "file").write_bytes(SECRET)
    (work / "out").symlink_to(outside)
    (work / "a" / "up").symlink_to("../../outside")
    (work / "chain").symlink_to("out")
    (work / "inner").symlink_to("a/b")
    (work / "circle").symlink_to("circle")
    (work / "file").symlink_to(outside / "file")
    (work / "dangling").symlink_to(outside / "new")
    (work / "magic").symlink_to("/proc/self/cwd")
    return work


THROUGH_LINKS = [
    *("out/file", "out/deep/file", "a/up/file", "chain/file", "inner/file", "circle/file", "magic/file"),
    *("file", "dangling"),
]


def outside(place: Path) -> dict[str, bytes]:
    folder = place.parent / "outside"
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", THROUGH_LINKS)
async def test_nothing_is_read_over_a_link(files: LocalFiles, place: Path, name: str) -> None:
    with pytest.raises(OSError, match="link") as caught:
        await files.read(place / name, limit=100)
    assert caught.value.errno == errno.ELOOP


@pytest.mark.parametrize("name", [*THROUGH_LINKS, "out/new", "out/new/er"])
async def test_nothing_is_written_over_a_link(files: LocalFiles, place: Path, name: str) -> None:
    before = outside(place)
    for expect in ("", hashlib.sha256(SECRET).hexdigest()):
        with pytest.raises(FileChangedError):
            await files.write(place / name, b"x", expect=expect)
    assert outside(place) == before


@pytest.mark.parametrize("name", ["out", "chain", "inner", "a/up", "out/deep"])
async def test_no_folder_is_listed_over_a_link(files: LocalFiles, place: Path, name: str) -> None:
    with pytest.raises(FileChangedError):
        await files.list(place / name)


async def test_without_links_everything_works(files: LocalFiles, place: Path) -> None:
    path = place / "a" / "b" / "file"
    assert await files.read(path) == b"inside"
    await files.write(path, b"new", expect=hashlib.sha256(b"inside").hexdigest())
    await files.write(place / "x" / "y" / "z", b"made", expect="")
    assert (path.read_bytes(), (place / "x" / "y" / "z").read_bytes()) == (b"new", b"made")
    assert [name for name, _ in await files.list(place / "a")] == ["b", "up"]
    assert "work" in [name for name, _ in await files.list(place.parent)]
    assert await files.list(Path("/"))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("none/file", errno.ENOENT),
        ("a/b/file/x", errno.ENOTDIR),
        ("a/b/none", errno.ENOENT),
        ("a", errno.EISDIR),
    ],
)
async def test_other_obstacles_are_told_as_the_system_does(
    files: LocalFiles, place: Path, name: str, code: int
) -> None:
    with pytest.raises(OSError, match="Errno") as caught:
        await files.read(place / name, limit=10)
    assert caught.value.errno == code


async def test_a_folder_that_one_may_only_pass_through_is_passed(files: LocalFiles, place: Path) -> None:
    (place / "a").chmod(0o111)
    assert await files.read(place / "a" / "b" / "file") == b"inside"


def test_a_name_is_not_cut_at_a_nul(way: OpenFolder, place: Path) -> None:
    with pytest.raises(ValueError, match="null"):
        way(place / "a\0b")


def test_no_descriptor_is_left_open(way: OpenFolder, place: Path) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    for name in ("out", "none", "a/b/file", "circle"):
        with pytest.raises(OSError, match="Errno"):
            way(place / name)
    os.close(way(place / "a"))
    assert len(list(Path("/dev/fd").iterdir())) == before


SWAP = """
import ctypes, sys, time
system = ctypes.CDLL(None, use_errno=True)
while True:
    assert system.renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2) == 0
    time.sleep(0.0002)
"""


@contextlib.contextmanager
def swapping(one: Path, other: Path) -> Generator[None, None, None]:
    """Another process exchanges two names, all the time."""
    process = subprocess.Popen([sys.executable, "-c", SWAP, str(one), str(other)])
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def exchanged(place: Path) -> Generator[Path, None, None]:
    if sys.platform != "linux":
        pytest.skip("NOT TESTED: exchanges names as only Linux can")
    link = place.parent / "link"
    link.symlink_to(place.parent / "outside")
    with swapping(place / "a" / "b", link):
        yield place / "a" / "b"


async def test_while_a_folder_is_swapped_for_a_link_nothing_is_written_outside(
    files: LocalFiles, place: Path, exchanged: Path
) -> None:
    before = outside(place)
    wrote = refused = number = 0
    async with asyncio.timeout(20):
        while number < 1000 or not wrote or not refused:
            number += 1
            try:
                await files.write(exchanged / f"{number}", b"x", expect="")
                await files.write(exchanged / f"{number}", b"y", expect=hashlib.sha256(b"x").hexdigest())
                wrote += 1
            except OSError:
                refused += 1
    assert outside(place) == before


async def test_while_a_folder_is_swapped_for_a_link_nothing_is_read_from_outside(
    files: LocalFiles, exchanged: Path
) -> None:
    read: set[bytes] = set()
    refused = number = 0
    async with asyncio.timeout(20):
        while number < 2000 or not read or not refused:
            number += 1
            try:
                read.add(await files.read(exchanged / "file", limit=100))
                read |= {name.encode() for name, _ in await files.list(exchanged)}
            except OSError:
                refused += 1
    assert read <= {b"inside", b"file"}


async def test_while_a_file_is_swapped_for_a_link_only_itself_is_read_and_written(
    files: LocalFiles, place: Path
) -> None:
    if sys.platform != "linux":
        pytest.skip("NOT TESTED: exchanges names as only Linux can")
    path = place / "a" / "b" / "file"
    before = outside(place)
    read: set[bytes] = set()
    with swapping(path, place / "file"):
        for _ in range(300):
            with contextlib.suppress(OSError):
                read.add(await files.read(path, limit=100))
            with contextlib.suppress(OSError):
                await files.write(path, b"inside", expect=hashlib.sha256(b"inside").hexdigest())
    assert read == {b"inside"}
    assert outside(place) == before


FORBID = """
import ctypes, os, struct, sys
from pathlib import Path

def instruction(code, jump_true, jump_false, value):
    return struct.pack("=HBBI", code, jump_true, jump_false, value)

code = int(sys.argv[2])
rules = b"".join([
    instruction(0x20, 0, 0, 0),             # the number of the call
    instruction(0x15, 0, 1, 437),           # is it openat2?
    instruction(0x06, 0, 0, 0x00050000 | code),
    instruction(0x06, 0, 0, 0x7FFF0000),
])
rules = ctypes.create_string_buffer(rules)
program = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", 4, ctypes.addressof(rules)))
system = ctypes.CDLL(None, use_errno=True)
assert system.prctl(38, 1, 0, 0, 0) == 0
assert system.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()

import asyncio
from kcode.environment import openat2
from kcode.environment.files import LocalFiles

place = Path(sys.argv[1])
assert not openat2.available()
files = LocalFiles()
asyncio.run(files.write(place / "made" / "file", b"x", expect=""))
assert asyncio.run(files.read(place / "made" / "file")) == b"x"
try:
    asyncio.run(files.read(place / "out" / "file"))
except OSError as error:
    print(type(error).__name__)
"""


@pytest.mark.skipif(sys.platform != "linux" or sys.maxsize < 2**32, reason="a filter of Linux for 64 bit")
@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
def test_where_a_container_forbids_the_call_the_way_is_gone_part_by_part(place: Path, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORBID, str(place), str(code)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "FileChangedError"), done.stderr
