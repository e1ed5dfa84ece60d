"""Files of this machine: nothing but the content changes, and no failure leaves anything behind."""

import asyncio
import errno
import hashlib
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from kcode.environment.files import LocalFiles
from kcode.environment.mounts import Mounts
from kcode.types.environment import FileChangedError

FILES = LocalFiles()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


async def test_a_new_file_gets_its_folders_and_the_usual_mode(tmp_path: Path):
    path = tmp_path / "deep" / "er" / "a.txt"
    (tmp_path / "usual").touch()
    await FILES.write(path, b"x\n")
    assert path.read_bytes() == b"x\n"
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("mode", [0o755, 0o600, 0o444, 0o4755])
async def test_the_mode_stays(tmp_path: Path, mode: int):
    path = tmp_path / "a.sh"
    path.write_bytes(b"old")
    path.chmod(mode)
    if not os.access(path, os.W_OK):
        pytest.skip("an ordinary user cannot write a read-only file")
    await FILES.write(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
async def test_the_owner_stays(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.chown(path, 65534, 65534)
    path.chmod(0o6750)
    await FILES.write(path, b"new")
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65534, 0o6750)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
async def test_extended_attributes_stay(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    try:
        os.setxattr(path, "user.note", b"kept")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    await FILES.write(path, b"new")
    assert os.getxattr(path, "user.note") == b"kept"


async def test_a_link_stays_and_its_target_changes(tmp_path: Path):
    target = tmp_path / "real" / "a"
    target.parent.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to("real/a")
    await FILES.write(link, b"new")
    assert link.readlink() == Path("real/a")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


async def test_a_link_into_nothing_makes_its_target(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to("later")
    await FILES.write(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "later").read_bytes() == b"new"


@pytest.mark.parametrize("size", [3, 3_000_000])
async def test_hard_links_stay_together(tmp_path: Path, size: int):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"o" * size)
    two.hardlink_to(one)
    await FILES.write(one, b"new")
    assert two.read_bytes() == b"new"
    assert one.stat().st_ino == two.stat().st_ino
    assert names(tmp_path) == ["one", "two"]


async def test_a_file_that_is_not_what_was_expected_is_left_alone(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"theirs")
    for expect in (sha(b"mine"), ""):
        with pytest.raises(FileChangedError):
            await FILES.write(path, b"new", expect=expect)
    with pytest.raises(FileChangedError):
        await FILES.write(tmp_path / "gone", b"new", expect=sha(b"mine"))
    assert path.read_bytes() == b"theirs"
    assert names(tmp_path) == ["a"]
    await FILES.write(path, b"new", expect=sha(b"theirs"))
    await FILES.write(tmp_path / "b", b"new", expect="")
    assert path.read_bytes() == (tmp_path / "b").read_bytes() == b"new"


async def test_same_size_and_time_do_not_hide_a_change(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(FileChangedError):
        await FILES.write(path, b"new", expect=sha(b"one"))


async def test_a_folder_a_pipe_a_socket_and_a_device_are_refused_at_once(tmp_path: Path):
    pipe, folder, sock = tmp_path / "pipe", tmp_path / "folder", tmp_path / "sock"
    os.mkfifo(pipe)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sock))
        specials = [
            pipe,
            sock,
            Path("/dev/zero"),
            Path("/dev/tty"),
            Path("/proc/kmsg"),
            Path(f"/proc/{os.getpid()}/environ"),
        ]
        for path in [p for p in specials if p.exists()]:
            async with asyncio.timeout(1):
                assert (await FILES.stat(path)).kind == "special"
                with pytest.raises(OSError, match="Not a regular file"):
                    await FILES.read(path, limit=10)
                with pytest.raises(OSError, match="Not a regular file"):
                    await FILES.write(path, b"x")
    with pytest.raises(IsADirectoryError):
        await FILES.read(folder)
    with pytest.raises(IsADirectoryError):
        await FILES.write(folder, b"x")


async def test_missing_files_and_circles_fail_as_the_system_says(tmp_path: Path):
    (tmp_path / "circle").symlink_to("circle")
    assert (await FILES.stat(tmp_path / "none")).kind == "missing"
    with pytest.raises(FileNotFoundError):
        await FILES.read(tmp_path / "none")
    for work in (FILES.read(tmp_path / "circle"), FILES.write(tmp_path / "circle", b"")):
        with pytest.raises(OSError, match="Too many levels") as error:
            await work
        assert error.value.errno == errno.ELOOP


async def test_a_range_of_a_file_of_five_gigabytes_costs_only_the_range(tmp_path: Path):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(5 << 30)
        file.seek((5 << 30) - 3)
        file.write(b"end")
    tracemalloc.start()
    try:
        data = await FILES.read(path, limit=100, offset=(5 << 30) - 5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert data == b"\0\0end"
    assert peak < 1 << 20


async def test_large_content_goes_through_whole(tmp_path: Path):
    data = os.urandom(1 << 20) * 9
    await FILES.write(tmp_path / "a", data)
    assert await FILES.read(tmp_path / "a") == data


async def test_a_cancelled_write_is_over_when_the_caller_goes_on(tmp_path: Path):
    path = tmp_path / "a"
    data = b"x" * (64 << 20)
    task = asyncio.create_task(FILES.write(path, data))
    await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) in ([], ["a"])
    if path.exists():
        assert path.stat().st_size == len(data)


async def test_a_folder_is_listed_in_order(tmp_path: Path):
    (tmp_path / "b").write_bytes(b"123")
    (tmp_path / "a").mkdir()
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "\udcff").touch()
    found = await FILES.list(tmp_path)
    assert [(name, s.kind) for name, s in found] == [
        ("a", "directory"),
        ("b", "file"),
        ("broken", "missing"),
        ("\udcff", "file"),
    ]
    assert found[1][1].size == 3


def limited(path: Path, size: int) -> int:
    """Write in a child whose files may not grow beyond `size`: a disk that is full, for everybody."""
    code = (
        "import asyncio, resource, signal, sys\n"
        "from pathlib import Path\n"
        "from kcode.environment.files import LocalFiles\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "try:\n"
        "    asyncio.run(LocalFiles().write(Path(sys.argv[1]), b'n' * 300_000))\n"
        "except OSError as error:\n"
        "    print(error.errno, error.filename)\n"
        "    sys.exit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        assert str(path) in done.stdout
        assert ".kcode-" not in done.stdout
    return done.returncode


@pytest.mark.parametrize("linked", [False, True])
def test_a_write_that_does_not_fit_leaves_the_old_file_whole(tmp_path: Path, linked: bool):
    path = tmp_path / "a"
    path.write_bytes(b"old" * 1000)
    if linked:
        (tmp_path / "b").hardlink_to(path)
    before = names(tmp_path)
    assert limited(path, 100_000) == 3
    assert path.read_bytes() == b"old" * 1000
    assert names(tmp_path) == before


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="needs root to mount a small disk")
@pytest.mark.parametrize("linked", [False, True])
def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path, linked: bool):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        path = disk / "a"
        path.write_bytes(b"old" * 10_000)
        if linked:
            (disk / "b").hardlink_to(path)
        with pytest.raises(OSError, match="No space left") as error:
            asyncio.run(FILES.write(path, b"n" * 400_000))
        assert error.value.errno == errno.ENOSPC
        assert error.value.filename == str(path)
        assert path.read_bytes() == b"old" * 10_000
        assert names(disk) == (["a", "b"] if linked else ["a"])
        asyncio.run(FILES.write(path, b"new"))
        assert path.read_bytes() == b"new"
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
@pytest.mark.parametrize("case", ["file", "folder"])
def test_what_is_read_only_stays_as_it_was(tmp_path: Path, case: str):
    folder = tmp_path / "w"
    folder.mkdir()
    path = folder / "a"
    path.write_bytes(b"old")
    for part in (folder, path):
        os.chown(part, 65534, 65534)
    path.chmod(0o444 if case == "file" else 0o644)
    folder.chmod(0o555 if case == "folder" else 0o755)
    for parent in tmp_path.parents[:3]:
        if parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from kcode.environment.replace import replace\n"
        "os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "try:\n"
        "    replace(Path(sys.argv[1]), b'new', None)\n"
        "except PermissionError as error:\n"
        "    print(error.filename); sys.exit(3)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (3, str(path)), done.stderr
    assert path.read_bytes() == b"old"
    assert names(folder) == ["a"]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("chattr"), reason="needs root and chattr")
def test_an_immutable_file_is_refused_cleanly(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    if subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode:
        pytest.skip("the file system knows no immutable files")
    try:
        with pytest.raises(PermissionError):
            asyncio.run(FILES.write(path, b"new"))
        assert names(tmp_path) == ["a"]
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
    assert path.read_bytes() == b"old"


def test_no_free_file_handle_is_an_error_that_passes(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    loop = asyncio.new_event_loop()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        with pytest.raises(OSError, match="Too many open files") as error:
            loop.run_until_complete(FILES.write(path, b"new"))
        assert error.value.errno == errno.EMFILE
        os.close(held.pop())
        os.close(held.pop())
        loop.run_until_complete(FILES.write(path, b"new"))
    finally:
        for handle in held:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        loop.close()
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_network_and_user_space_mounts_are_known_as_slow(tmp_path: Path):
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n"
        "40 22 0:50 / /net rw - nfs4 host:/x rw\n"
        "41 40 0:51 / /net/local\\040disk rw - ext4 /dev/b rw\n"
        "42 22 0:52 / /s rw - fuse.sshfs h: rw\n"
    )
    mounts = Mounts(table)
    assert [mounts.slow(Path(p)) for p in ("/a", "/net", "/net/x", "/net/local disk/x", "/s/x", "/sx")] == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]
    assert not Mounts(tmp_path / "none").slow(Path("/"))


async def test_on_a_slow_mount_everything_works_while_the_loop_goes_on(tmp_path: Path):
    table = tmp_path / "mountinfo"
    table.write_text(f"40 22 0:50 / {tmp_path} rw - fuse.sshfs h: rw\n")
    files = LocalFiles(Mounts(table))
    path = tmp_path / "deep" / "a.txt"
    await files.write(path, b"one\n", expect="")
    assert await files.read(path, limit=2) == b"on"
    assert (await files.stat(path)).kind == "file"
    assert [name for name, _ in await files.list(path.parent)] == ["a.txt"]
    writing = asyncio.create_task(files.write(path, b"two\n"))
    await asyncio.sleep(0)
    assert not writing.done()
    await writing
    assert path.read_bytes() == b"two\n"
