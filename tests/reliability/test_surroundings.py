"""Strange surroundings: clocks, homes, settings, formats, limits and repositories. The installed program in each."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kcode.providers.scripted import Step, call, says
from kcode.providers.scripted_server import ScriptedServer
from kcode.session.disk import Disk
from kcode.session.store import Store, slug
from tests.frontends.installed import Done, Place
from tests.reliability.provoke import (
    SESSION,
    needs,
    needs_root,
    needs_to_run,
    prepare,
    recorded,
    sh,
    small_disk,
    unanswered,
)

FORMATS = Path(__file__).with_name("formats")
NOBODY = 65534
WORKS: list[Step] = [
    says(
        "",
        call("Bash", command="echo one > one.txt; sleep 0.3"),
        call("Write", file_path="two.txt", content="2\n"),
    ),
    says("done"),
]
FLAGS = ("-p", "go", "--allowedTools", "Bash", "Write")


async def under(place: Place, wrapper: Sequence[str], steps: Sequence[Step], *arguments: str) -> Done:
    """Run the installed program behind another one, or a few words of shell that end in `"$@"`."""
    async with ScriptedServer(steps) as server:
        return await place.run(*(arguments or FLAGS), base_url=server.base_url, under=wrapper)


@pytest.mark.parametrize("offset", [86_400, 1_000_000_000])
async def test_a_machine_that_runs_for_years_or_slept_a_day_changes_no_timer(
    place: Place, offset: int
) -> None:
    needs("unshare")
    needs_root()
    wrapper = ["unshare", "-T", "--monotonic", str(offset), "--boottime", str(offset)]
    needs_to_run(wrapper, "there are no time namespaces here")
    began = time.monotonic()
    done = await under(place, wrapper, WORKS, *FLAGS, "--max-time", "30")
    assert (done.status, done.out, done.err) == (0, "done\n", "")
    assert (place.folder / "one.txt").exists()
    assert time.monotonic() - began < 60


def test_names_of_sessions_do_not_depend_on_the_clock(tmp_path: Path) -> None:
    times = iter([100_000.0, 100_000.0, 13_600.0])
    store = Store(tmp_path / "home", print, disk=Disk(now=lambda: next(times)))
    logs = [store.create(tmp_path) for _ in range(3)]
    assert len({log.path for log in logs}) == 3


async def test_a_home_that_cannot_be_written_is_told_once_and_the_work_is_done(place: Place) -> None:
    with small_disk(place.home, "ro"):
        done = await under(place, [], WORKS)
    assert (done.status, done.out) == (0, "done\n")
    assert done.err.count("Nothing is saved") == 1, done.err
    assert len(done.err.splitlines()) == 1, done.err
    assert (place.folder / "two.txt").read_text() == "2\n"


async def test_a_home_of_somebody_else_is_left_alone(place: Place) -> None:
    needs("setpriv")
    needs_root()
    for folder in (place.home, place.folder):
        folder.chmod(0o777)
    for folder in (*place.folder.parents,):
        if folder.name.startswith(("pytest-", "test_")):
            folder.chmod(0o755)
    # The capability lets an ordinary user read a Python that lies in root's home.
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    user += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    place.environ |= {"KCODE_HOME": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = await under(place, user, WORKS)
    assert (done.status, done.out) == (0, "done\n"), done.err
    assert done.err.count("belongs to another user") == 1, done.err
    assert list(place.home.iterdir()) == []
    assert (place.folder / "two.txt").stat().st_uid == NOBODY


async def test_without_home_nothing_is_saved_and_that_is_told(place: Place) -> None:
    done = await under(place, sh('unset HOME KCODE_HOME; exec "$@"'), WORKS)
    assert (done.status, done.out) == (0, "done\n")
    assert done.err.count("HOME is not set") == 1


BROKEN = {
    "a slip": ('echo \'{"model": "a",\n  "env": }\' > settings.json', "settings.json:2:10"),
    "a pipe": ("mkfifo settings.json", "settings.json"),
    "a folder": ("mkdir settings.json", "settings.json"),
    "a circle of links": ("ln -s settings.json settings.json", "settings.json"),
    "five gigabytes": ("truncate -s 5G settings.json", "settings.json"),
    "no text": ("printf '\\377\\376{' > settings.json", "settings.json"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_settings_that_cannot_be_read_are_named_and_left_as_they_are(place: Place, kind: str) -> None:
    script, words = BROKEN[kind]
    folder = place.home / ".kcode"
    folder.mkdir()
    prepare(folder, script)
    before = (folder / "settings.json").lstat()
    began = time.monotonic()
    done = await under(place, [], WORKS)
    assert done.status == 2, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert time.monotonic() - began < 60
    found = (folder / "settings.json").lstat()
    assert (found.st_size, found.st_mtime, found.st_mode) == (before.st_size, before.st_mtime, before.st_mode)


async def test_settings_with_a_byte_order_mark_count(place: Place) -> None:
    (place.home / ".kcode").mkdir()
    data = b"\xef\xbb\xbf" + json.dumps({"permissions": {"allow": ["Bash", "Write"]}}).encode()
    (place.home / ".kcode" / "settings.json").write_bytes(data)
    done = await under(place, [], WORKS, "-p", "go")
    assert (done.status, done.out, done.err) == (0, "done\n", "")
    assert (place.folder / "one.txt").exists()
    assert (place.home / ".kcode" / "settings.json").read_bytes() == data


def stored(place: Place, version: int) -> Path:
    """Put a session of a format where this folder's sessions lie."""
    path = place.home / ".kcode" / "sessions" / slug(place.folder.resolve()) / f"{SESSION}.jsonl"
    path.parent.mkdir(parents=True)
    text = (FORMATS / f"format-{version}.jsonl").read_text(encoding="ascii")
    path.write_text(text.replace('"cwd":"/project"', f'"cwd":{json.dumps(str(place.folder.resolve()))}'))
    return path


async def test_a_session_of_the_first_format_is_gone_on_with(place: Place) -> None:
    path = stored(place, 1)
    before = path.read_bytes()
    async with ScriptedServer([says("I remember.")]) as server:
        done = await place.run("-p", "go on", "--continue", base_url=server.base_url)
        sent = json.dumps(server.stats.requests[-1].json()["messages"])
    assert (done.status, done.out, done.err) == (0, "I remember.\n", "")
    assert "look at the code" in sent
    assert "and change it" in sent
    assert path.read_bytes().startswith(before)
    assert unanswered(recorded(place.home)) == []


async def test_a_session_of_a_newer_format_is_refused_with_the_way_out_and_never_rewritten(
    place: Place,
) -> None:
    path = stored(place, 9)
    before = path.read_bytes()
    async with ScriptedServer([says("In a copy.")]) as server:
        refused = await place.run("-p", "go on", "--continue", base_url=server.base_url)
        assert refused.status == 2
        assert "newer kcode (9.0)" in refused.err
        assert "--fork-session" in refused.err
        assert path.read_bytes() == before
        copy = await place.run("-p", "go on", "--continue", "--fork-session", base_url=server.base_url)
        sent = json.dumps(server.stats.requests[-1].json()["messages"])
    assert (copy.status, copy.out) == (0, "In a copy.\n")
    assert "of a kind unknown to this kcode" in copy.err
    assert "and change it" in sent
    assert path.read_bytes() == before
    assert list(path.parent.glob(f"{SESSION}*")) == [path]


@pytest.mark.parametrize("handles", [64, 24, 12, 10, 8, 6])
async def test_few_file_handles_are_enough_and_too_few_are_told(place: Place, handles: int) -> None:
    needs("bash")
    calls = [call("Bash", command=f"echo {n} > {n}.txt; sleep 0.1") for n in range(12)]
    calls += [call("Grep", pattern="x"), call("Glob", pattern="*")]
    steps = [says("", *calls), says("", call("Bash", command="echo more > more.txt")), says("done")]
    done = await under(place, sh(f'ulimit -n {handles}; exec "$@"'), steps)
    assert "Traceback" not in done.err
    if handles >= 64:
        assert (done.status, done.out, done.err) == (0, "done\n", "")
        assert (place.folder / "more.txt").exists()
    else:
        assert done.status == 0 or "oo many open files" in done.err, done.err
    if (place.home / ".kcode" / "sessions").exists():
        assert unanswered(recorded(place.home)) == []


UNREADABLE = "a file config that is no config"
REPOSITORIES = {
    "a lock": "git init -q; touch .git/index.lock",
    "a detached head": "git init -q; git commit -q --allow-empty -m a; git checkout -q --detach",
    "no commits": "git init -q",
    "a bare repository": "git init -q --bare .",
    "a damaged head": "git init -q; echo nonsense > .git/HEAD",
    "a damaged index": "git init -q; echo x > a; git add a; printf 'DIRC garbage' > .git/index",
    "damaged objects": "git init -q; echo x > a; git add a; git commit -qm a; "
    "find .git/objects -type f -exec chmod u+w {} +; find .git/objects -type f | while read f; do echo bad > $f; done",
    "an empty folder called .git": "mkdir .git",
    "a file .git that leads nowhere": "echo 'gitdir: /nowhere/at/all' > .git",
    "a link .git that leads nowhere": "ln -s /nowhere .git",
    "a pipe called .git": "mkfifo .git",
    "a submodule": "git init -q inner; git -C inner commit -q --allow-empty -m a; git init -q; "
    "git -c protocol.file.allow=always submodule --quiet add ./inner sub 2>/dev/null || true",
    "a worktree": "git init -q main; git -C main commit -q --allow-empty -m a; git -C main worktree add -q ../tree",
    UNREADABLE: "git init -q; echo '[[[' > .git/config",
}


@pytest.mark.parametrize("kind", REPOSITORIES)
async def test_in_every_repository_the_work_is_done_and_can_be_undone(place: Place, kind: str) -> None:
    environ = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
    }
    environ |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    prepare(place.folder, REPOSITORIES[kind], environ)
    (place.folder / "mine.txt").write_text("mine\n")
    steps = [says("", call("Bash", command="rm mine.txt")), *WORKS]
    async with ScriptedServer(steps) as server:
        done = await place.run(*FLAGS, base_url=server.base_url)
        assert (done.status, done.out) == (0, "done\n"), done.err
        # What cannot be read of git's settings might name programs.
        assert bool(done.err) is (kind == UNREADABLE), done.err
        assert not done.err or "not trusted: .git/config" in done.err
        assert not (place.folder / "mine.txt").exists()
        undone = await place.run("-p", "/rewind 1 files", "--continue", base_url=server.base_url)
    assert undone.status == 0, undone.err
    assert (place.folder / "mine.txt").read_text() == "mine\n", undone.out
    assert not (place.folder / "one.txt").exists()
    assert not (place.folder / "two.txt").exists()
