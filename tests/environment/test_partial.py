"""Real commands in the partial fence, as root and as an ordinary user; what it does not stop is told here too."""

import asyncio
import errno
import os
import pickle
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from fenced_folders import CLEAN, NOBODY, USERS, Folders, base_folder, give_to

from kcode.environment import partial
from kcode.environment.fence import Fence
from kcode.environment.sandbox import Sandbox, confine, probe_partial
from kcode.process import kernel, seccomp
from kcode.process.spawn import Finished, run

T = TypeVar("T")
SIGNALS = 6


@dataclass
class Fenced(Folders):
    """Commands that run fenced in, in these folders; `other` is a further one."""

    other: Path

    @property
    def known(self) -> int:
        return self.sandbox.landlock

    def run(self, command: str, *, network: bool = False, folders: Sequence[Path] = ()) -> Finished:
        fence = Fence(folders or [self.root], self.home, [self.home / "own"], self.scratch, network=network)
        cwd = fence.folders[0]
        how = confine(self.sandbox, fence, ["/bin/bash", "-c", command], cwd)
        return self.does(
            lambda: asyncio.run(run(how.argv, cwd=cwd, env={**CLEAN, **how.env}, enter=how.enter))
        )

    def does(self, work: Callable[[], T]) -> T:
        """Do something as the user."""
        return _as_nobody(work) if self.user == "nobody" else work()

    def succeeds(self, command: str, *, network: bool = False) -> bool:
        return self.run(command, network=network).status == 0

    def python(self, code: str, *, network: bool = False) -> str:
        done = self.run(f"{_python()} - <<'END'\n{code}\nEND\n", network=network)
        return (done.stdout + done.stderr).decode().strip().splitlines()[-1]


def _as_nobody(work: Callable[[], T]) -> T:
    """Do something in a process of an ordinary user; what it raises is raised here."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        answer: tuple[bool, object]
        try:
            answer = True, work()
        except BaseException as error:  # noqa: BLE001 - raised by who waits for it
            answer = False, error
        with os.fdopen(writing, "wb") as to:
            to.write(pickle.dumps(answer))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answered:
        good, result = pickle.loads(answered.read())
    os.waitpid(pid, 0)
    if not good:
        raise result
    return result


def _python() -> str:
    """A Python that every user may run."""
    return next(
        (path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if os.access(path, os.X_OK)), ""
    )


def _landlock() -> Sandbox:
    found = asyncio.run(probe_partial())
    if found.level != "partial":
        pytest.skip(f"NOT TESTED: {found.shown}")
    return found


@pytest.fixture(params=USERS)
def fenced(request: pytest.FixtureRequest) -> Iterator[Fenced]:
    sandbox = _landlock()
    with base_folder() as base:
        home, other = base / "home", base / "other"
        other.mkdir()
        (home / "own" / "log").write_text("a log")
        (home / "project").mkdir()
        give_to(request.param, base)
        yield Fenced(sandbox, base / "work", home, base / "scratch", request.param, other)


needs_python = pytest.mark.skipif(not _python(), reason="NOT TESTED: no Python that every user may run")


def test_the_working_folder_and_a_private_tmpdir_can_be_written_and_nothing_else(fenced: Fenced) -> None:
    assert fenced.succeeds(
        "echo x > inside && mkdir d && echo y > d/f && mv d e && echo z > $TMPDIR/t && rm inside"
    )
    assert (fenced.root / "e" / "f").read_text() == "y\n"
    assert fenced.run('cat "$TMPDIR/t"').stdout == b"z\n"
    assert fenced.run("mktemp").stdout.startswith(str(fenced.scratch).encode())
    for place in ("/etc/kcode-test", "/tmp/kcode-test", "/var/tmp/kcode-test", "/dev/shm/kcode-test"):
        assert not fenced.succeeds(f"echo x > {place}")
        assert not Path(place).exists()
    for command in (
        "echo x > {}/new",
        "mkdir {}/new",
        "ln -s /etc {}/new",
        "mkfifo {}/new",
        "mv plain {}/new",
    ):
        (fenced.root / "plain").write_text("x")
        assert not fenced.succeeds(command.format(fenced.home))
        assert not os.path.lexists(fenced.home / "new")


def test_what_lies_outside_is_neither_changed_nor_removed(fenced: Fenced) -> None:
    for command in (
        "echo x >> {}",
        "truncate -s 0 {}",
        "rm -f {}",
        "mv {} .",
        "ln {} here && echo x > here",
        "dd if=/dev/zero of={} bs=1 count=1",
        "mv -T . {}.d",
    ):
        assert not fenced.succeeds(command.format(fenced.home / "plain"))
    assert not fenced.succeeds(f"rmdir {fenced.home}/project")
    assert (fenced.home / "plain").read_text() == "plain"


def test_links_and_mounts_lead_out_for_nobody(fenced: Fenced) -> None:
    (fenced.root / "file").symlink_to(fenced.home / "plain")
    (fenced.root / "folder").symlink_to(fenced.home)
    assert not fenced.succeeds("echo x > file")
    assert not fenced.succeeds("echo x > folder/new")
    assert not fenced.succeeds("echo x > /proc/self/root/var/tmp/kcode-test")
    assert not fenced.succeeds("mount -o remount,rw / || mount --bind . /mnt || unshare -Urm true")
    assert (fenced.home / "plain").read_text() == "plain"


@needs_python
def test_an_old_landlock_that_knows_no_truncating_is_helped_out(fenced: Fenced) -> None:
    fenced.sandbox = Sandbox("partial", landlock=1)
    code = "import os, sys\ntry:\n    {}\nexcept OSError as e:\n    print(e.errno)\nelse:\n    print('done')"
    place = str(fenced.home / "plain")
    for attempt in (
        f"os.truncate({place!r}, 0)",
        f"os.open({place!r}, os.O_RDONLY | os.O_TRUNC)",
        f"os.open({place!r}, 3 | os.O_TRUNC)",
        f"open({place!r}, 'w')",
    ):
        assert fenced.python(code.format(attempt)) in {str(errno.EPERM), str(errno.EACCES)}
    assert (fenced.home / "plain").read_text() == "plain"
    assert fenced.succeeds("echo one > f && echo two > f && truncate -s 1 f && mv f g && cat g && rm g")


def test_the_keys_of_the_person_cannot_be_read(fenced: Fenced) -> None:
    (fenced.root / "link").symlink_to(fenced.home / ".ssh")
    shown = fenced.run(
        f"cd {fenced.home}; cat .ssh/id .netrc own/log {fenced.root}/link/id;"
        f" ln .netrc {fenced.root}/n && cat {fenced.root}/n"
    )
    assert shown.stdout == b""
    assert fenced.run(f"cat {fenced.home}/plain").stdout == b"plain"
    assert fenced.succeeds(
        f"ls {fenced.home} >/dev/null && cd {fenced.home}/project && ls /etc/passwd && cat /etc/passwd"
    )
    assert not fenced.succeeds("exec 3</dev/ptmx")


def test_a_working_folder_that_holds_keys_does_not_open_them(fenced: Fenced) -> None:
    home = [fenced.home]
    assert fenced.run("echo x > project/f && cat project/f && echo y > plain", folders=home).stdout == b"x\n"
    for command in ("cat .ssh/id", "echo x > .ssh/id", "echo x > .ssh/new", "mv .ssh s", "rm .netrc"):
        assert fenced.run(command, folders=home).status != 0
    assert (fenced.home / ".ssh" / "id").read_text() == "a key"
    # The price: what is made directly beside them would be in no tree that may be written to.
    assert fenced.run("echo x > new", folders=home).status != 0


def test_a_folder_above_that_cannot_be_listed_hides_nothing_that_is_named(fenced: Fenced) -> None:
    fenced.home.parent.chmod(0o711)
    assert fenced.run(f"cat {fenced.home}/plain").stdout == b"plain"
    assert fenced.run(f"cat {fenced.home}/.netrc").stdout == b""
    assert fenced.succeeds("echo x > inside")


def test_there_is_no_network_unless_it_is_allowed(fenced: Fenced) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]}"
        assert not fenced.succeeds(connect)
        assert fenced.succeeds(connect, network=True)
    assert not fenced.succeeds("exec 3<>/dev/udp/127.0.0.1/9")
    assert not fenced.succeeds("getent hosts localhost.example")


@needs_python
def test_of_all_kinds_of_sockets_only_those_in_the_file_system_are_left(fenced: Fenced) -> None:
    code = """
import socket
made = []
for family in range(46):
    for kind in (1, 2, 3, 5):
        try:
            socket.socket(family | {high}, kind).close()
        except OSError as error:
            continue
        made.append(family)
print(sorted(set(made)))
"""
    assert fenced.python(code.format(high=0)) == "[1]"
    assert "2" in fenced.python(code.format(high=0), network=True)
    talk = """
import socket
one = socket.socket(socket.AF_UNIX); one.bind("here.sock"); one.listen()
two = socket.socket(socket.AF_UNIX); two.connect("here.sock")
socket.socketpair()
print("talked")
"""
    assert fenced.python(talk) == "talked"


@needs_python
def test_a_call_in_another_way_of_counting_is_refused(fenced: Fenced) -> None:
    # The second socket's family has bits set above those that the kernel looks at.
    code = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def tried(*args):
    return errno.errorcode.get(ctypes.get_errno()) if libc.syscall(*map(ctypes.c_long, args)) < 0 else "done"
socket, io_uring, ptrace, read = NUMBERS
print(tried(socket, 2, 1, 0), tried(socket, (1 << 32) + 2, 1, 0), tried(0x40000000 + socket, 1, 1, 0),
      tried(io_uring, 1, 0), tried(ptrace, 0, 0, 0, 0), tried(read, 1, 0, 0, 0, 0, 0))
"""
    names = ("socket", "io_uring_setup", "ptrace", "process_vm_readv")
    numbers = [seccomp.number(name, kernel.machine()) for name in names]
    assert fenced.python(f"NUMBERS = {numbers}\n{code}") == "EPERM EPERM ENOSYS ENOSYS EPERM EPERM"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only there can a program speak in 32 bits")
@needs_python
def test_a_program_that_speaks_to_the_kernel_in_32_bits_is_ended(fenced: Fenced) -> None:
    # mov eax, 20 (getpid); int 0x80; ret
    code = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex("b814000000cd80c3"))
print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))())
"""
    (fenced.root / "code.py").write_text(code)
    done = fenced.run(f"{_python()} code.py")
    assert (done.stdout, done.status) == (b"", 128 + signal.SIGSYS) or done.status == -signal.SIGSYS


@needs_python
def test_kcode_and_its_threads_can_be_neither_signalled_nor_looked_into(fenced: Fenced) -> None:
    if fenced.known < SIGNALS:
        pytest.skip(f"NOT TESTED: Landlock {fenced.known} does not know signals, {SIGNALS} does")
    code = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
# The shell that runs this is the child of the process that put up the fence.
outer = int(open(f"/proc/{os.getppid()}/stat").read().rpartition(")")[2].split()[1])
threads = [int(name) for name in os.listdir(f"/proc/{outer}/task")]
reached = [one for one in threads if libc.syscall(TGKILL, outer, one, 0) == 0]
for name in ("environ", "mem", "maps", "cwd/x"):
    for place in (f"/proc/{outer}", *(f"/proc/{outer}/task/{one}" for one in threads)):
        try:
            open(f"{place}/{name}").read(1)
            reached.append(f"{place}/{name}")
        except OSError:
            pass
try:
    os.kill(outer, 0)
    reached.append(outer)
except PermissionError:
    pass
print(len(threads) > 0, reached)
"""
    number = 234 if kernel.machine() == "x86_64" else 131
    assert fenced.python(f"TGKILL = {number}\n{code}") == "True []"


@needs_python
def test_sockets_without_a_name_in_the_file_system_are_out_of_reach(fenced: Fenced) -> None:
    if fenced.known < SIGNALS:
        pytest.skip(f"NOT TESTED: Landlock {fenced.known} does not know abstract sockets, {SIGNALS} does")
    with socket.socket(socket.AF_UNIX) as server:
        name = f"\0kcode-test-{os.getpid()}-{fenced.user}"
        server.bind(name)
        server.listen()
        code = f"import socket\nsocket.socket(socket.AF_UNIX).connect({name!r})"
        assert "PermissionError" in fenced.python(code)


def test_nothing_of_the_superuser_is_left(fenced: Fenced) -> None:
    status = fenced.run("cat /proc/self/status").stdout.decode()
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert f"{name}:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status


def test_a_program_cannot_be_made_to_run_as_somebody_else(fenced: Fenced) -> None:
    target = fenced.home / "plain"
    assert not fenced.succeeds(f"chmod u+s {target}")
    assert not target.stat().st_mode & 0o4000
    assert fenced.succeeds("echo x > tool && chmod 755 tool && chmod g+s . && chmod g-s .")


def test_the_mode_of_what_lies_outside_is_not_guarded(fenced: Fenced) -> None:
    # Landlock knows no right for it; the documentation says so.
    assert fenced.succeeds(f"chmod 600 {fenced.home}/plain && touch -d 2001-01-01 {fenced.home}/plain")


def test_git_and_other_tools_work(fenced: Fenced) -> None:
    done = fenced.run(
        "git init -q . && echo a > a && git add a && git -c user.name=a -c user.email=a@b commit -qm a"
        " && git mv a b && git stash -q && git worktree add -q ./tree && git log --oneline | wc -l"
    )
    assert (done.status, done.stdout.strip()) == (0, b"1"), done.stderr
    assert fenced.succeeds(
        "cat <<< word >/dev/null && sort <(echo b; echo a) | head -1 && echo x > /dev/stderr"
    )
    assert fenced.succeeds(
        "echo x > one && tar cf t.tar one && rm one && tar xf t.tar && cp -a one two && gzip two && find ."
    )


@needs_python
def test_python_works(fenced: Fenced) -> None:
    code = """
import concurrent.futures, subprocess, tempfile, threading, random, sqlite3
with tempfile.TemporaryDirectory() as place:
    sqlite3.connect(place + "/db").execute("create table t (x)")
subprocess.run(["true"], check=True)
threading.Thread(target=print).start()
print(concurrent.futures.ThreadPoolExecutor().submit(lambda: "worked").result())
"""
    assert fenced.python(code) == "worked"


@needs_python
def test_shared_memory_is_closed_until_it_is_named(fenced: Fenced) -> None:
    command = f"{_python()} -c 'import multiprocessing; multiprocessing.Lock()'"
    assert not fenced.succeeds(command)
    assert fenced.run(command, folders=[fenced.root, Path("/dev/shm")]).status == 0


def test_this_process_stays_free_and_one_fence_does_not_hamper_the_next(fenced: Fenced) -> None:
    other = fenced.other

    def both() -> tuple[int, int, int, str]:
        inside = Fence([fenced.root], fenced.home, [], fenced.scratch)
        elsewhere = Fence([other], fenced.home, [], fenced.scratch, network=True)

        async def in_fence(fence: Fence, command: str) -> int:
            how = confine(fenced.sandbox, fence, ["/bin/bash", "-c", command], Path("/"))
            return (await run(how.argv, cwd=Path("/"), env=CLEAN, enter=how.enter)).status

        first = asyncio.run(in_fence(inside, f"echo x > {other}/one"))
        second = asyncio.run(in_fence(elsewhere, f"echo x > {other}/two"))
        bare = asyncio.run(
            run(["/bin/sh", "-c", f"echo x > {fenced.home}/three"], cwd=Path("/"), env=CLEAN)
        ).status
        (fenced.home / "four").write_text("x")
        socket.socket().close()
        return first, second, bare, Path("/proc/self/status").read_text(encoding="ascii")

    first, second, bare, status = fenced.does(both)
    assert first != 0
    assert (second, bare) == (0, 0)
    assert (other / "two").exists()
    assert not (other / "one").exists()
    assert "Seccomp:\t0" in status
    assert "NoNewPrivs:\t0" in status


def test_what_cannot_be_given_up_starts_nothing(fenced: Fenced) -> None:
    started = fenced.root / "started"

    def fails() -> None:
        raise PermissionError(errno.EPERM, "no fence")

    async def begin() -> None:
        await run(["/usr/bin/touch", str(started)], cwd=fenced.root, enter=fails)

    with pytest.raises(PermissionError, match="no fence"):
        asyncio.run(begin())
    assert not started.exists()


def test_a_linked_worktree_can_commit_and_one_that_points_anywhere_opens_nothing(fenced: Fenced) -> None:
    commit = "git -c user.name=a -c user.email=a@b commit -qm a"
    assert fenced.succeeds(
        f"git init -q . && echo a > a && git add a && {commit} && git worktree add -q ./tree"
    )
    inner = [fenced.root / "tree"]
    done = fenced.run(f"echo b > b && git add b && {commit} && git log --oneline | wc -l", folders=inner)
    assert (done.status, done.stdout.strip()) == (0, b"2"), done.stderr
    (fenced.root / "tree" / ".git").write_text(f"gitdir: {fenced.home}\n")
    assert fenced.run(f"echo x > {fenced.home}/new", folders=inner).status != 0


@pytest.mark.parametrize("machine", sorted(kernel.MACHINES))
@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("truncates", [True, False])
def test_every_jump_of_the_filter_lands_inside_of_it(machine: str, network: bool, truncates: bool) -> None:
    program = seccomp.program(machine, network=network, truncates=truncates)
    lines = [program[at : at + 8] for at in range(0, len(program), 8)]
    for at, line in enumerate(lines):
        code, hit, missed = int.from_bytes(line[:2], "little"), line[2], line[3]
        if code & 7 == 5:
            assert at + 1 + max(hit, missed) < len(lines)
    assert lines[-1][0] == 6


async def test_without_landlock_the_level_is_none_with_both_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial, "version", lambda: 0)
    found = await probe_partial("bubblewrap is not installed")
    assert found.shown == "none (bubblewrap is not installed, and this system has no Landlock)"


def test_where_it_is_not_linux_nothing_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert partial.version() == 0
