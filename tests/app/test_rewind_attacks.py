"""What people and commands do to a folder between a change and going back: nothing of theirs may be lost."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from app_bench import Person, Talk, edits, runs, talk, writes

from kcode.session.checkpoints import Checkpoints
from kcode.session.shadow import Caps
from kcode.types.events import Event
from tests.reliability.provoke import fill, small_disk


def shell(root: Path, script: str) -> None:
    subprocess.run(["sh", "-ec", script], cwd=root, check=True)


async def after(root: Path, *commands: str, before: str = "") -> Talk:
    """A conversation in which one prompt ran some commands; `before` runs first, unseen."""
    shell(root, before)
    talking = await talk(root, [runs(command) for command in commands])
    for number in range(len(commands)):
        await talking.says(f"prompt {number + 1}")
    await talking.conversation.rewind_points()
    return talking


async def rewound(talking: Talk, line: str = "/rewind 1 files") -> str:
    text = (await talking.command(line)).text
    await talking.conversation.close()
    return text


async def test_a_moved_file_is_back_under_its_old_name_only(root: Path) -> None:
    talking = await after(
        root,
        "mkdir deep; mv a.txt deep/b.txt; mv old new",
        before="echo a > a.txt; mkdir old; echo o > old/o",
    )
    await rewound(talking)
    assert talking.files() == {"a.txt": b"a\n", "old/o": b"o\n"}
    assert not (root / "deep").exists()


async def test_what_a_person_wrote_into_a_moved_file_stays(root: Path) -> None:
    talking = await after(root, "mv a.txt b.txt", before="echo a > a.txt")
    (root / "b.txt").write_text("mine\n")
    text = await rewound(talking)
    assert talking.files() == {"a.txt": b"a\n", "b.txt": b"mine\n"}
    assert "`b.txt`: somebody else changed it" in text


async def test_a_folder_that_became_a_file_is_a_folder_again(root: Path) -> None:
    talking = await after(root, "rm -r d; echo x > d", before="mkdir -p d/e; echo 1 > d/e/f")
    await rewound(talking)
    assert talking.files() == {"d/e/f": b"1\n"}


async def test_a_persons_file_in_a_folder_that_was_a_file_keeps_it_a_folder(root: Path) -> None:
    talking = await after(root, "rm f; mkdir f; echo x > f/agent", before="echo f > f")
    (root / "f" / "mine").write_text("mine\n")
    text = await rewound(talking)
    assert (root / "f" / "mine").read_text() == "mine\n"
    assert "`f`" in text


async def test_files_that_a_person_adds_between_prompts_stay(root: Path) -> None:
    talking = await talk(root, [runs("mkdir out; echo 1 > out/one"), runs("echo 2 > out/two")])
    await talking.says("first")
    await talking.conversation.rewind_points()
    (root / "out" / "mine").write_text("mine\n")
    await talking.says("second")
    await rewound(talking)
    assert talking.files() == {"out/mine": b"mine\n"}


async def test_a_link_that_became_a_file_and_a_file_that_became_a_link_go_back(root: Path) -> None:
    (root.parent / "elsewhere").write_text("outside\n")
    talking = await after(
        root, "rm l f; echo x > l; ln -s ../elsewhere f; echo agent >> f", before="echo f > f; ln -s f l"
    )
    (root.parent / "elsewhere").write_text("outside\n")
    await rewound(talking)
    assert (root / "l").readlink() == Path("f")
    assert not (root / "f").is_symlink()
    assert (root / "f").read_text() == "f\n"
    assert (root.parent / "elsewhere").read_text() == "outside\n"


async def test_who_may_run_and_read_a_file_comes_back_with_it(root: Path) -> None:
    talking = await after(
        root,
        "chmod 755 plain; chmod 644 tool; rm secret key",
        before="for f in plain tool secret key; do echo x > $f; done; chmod 755 tool; chmod 600 secret; chmod 400 key",
    )
    await rewound(talking)
    modes = {name: oct(stat.S_IMODE((root / name).stat().st_mode)) for name in ("tool", "secret", "key")}
    assert modes == {"tool": "0o755", "secret": "0o600", "key": "0o400"}
    assert not os.access(root / "plain", os.X_OK) or os.geteuid() == 0
    assert stat.S_IMODE((root / "plain").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "reveals",
    [
        "rm .gitignore",
        "mv private/key key",
        "mv private public",
        "mv node_modules modules",
        "rm -r nested/.git",
        "truncate -s 100 large.bin",
    ],
)
async def test_what_only_came_to_light_is_never_deleted(root: Path, reveals: str) -> None:
    prepared = (
        "git init -q .; echo private/ > .gitignore; mkdir private node_modules; echo k > private/key; "
        "echo m > node_modules/m; git init -q nested; echo n > nested/n; truncate -s 11000000 large.bin"
    )
    talking = await after(root, f"{reveals}; echo new > new.txt", before=prepared)
    there = set(talking.files())
    await rewound(talking)
    assert there - set(talking.files()) == {"new.txt"}
    assert (root / ".gitignore").exists()


@pytest.mark.parametrize(
    "wrecks",
    [
        "git reset -q --hard",
        "git checkout -q -- . && git clean -fdq",
        "git stash -q -u",
        "rm -rf ./* .gitignore",
        "find . -name .git -prune -o -type f -print | xargs rm",
        "rm -rf .git && rm -rf sub",
        "git add -A && git commit -qm all && git rm -qr .",
    ],
)
async def test_work_that_was_in_no_commit_survives_what_throws_it_away(root: Path, wrecks: str) -> None:
    prepared = (
        "git init -q .; git config user.name a; git config user.email a@b; echo '*.o' > .gitignore; "
        "mkdir -p sub/deep; echo 1 > sub/deep/a; echo 2 > b; git add -A; git commit -qm start; "
        "echo dirty >> b; echo dirty >> sub/deep/a; echo untracked > sub/new; git add sub/new; echo more > other"
    )
    shell(root, prepared)
    talking = await talk(root, [runs(wrecks)])
    before = talking.files()
    await talking.says("wreck it")
    await rewound(talking)
    assert talking.files() == before


async def test_a_redo_after_the_program_was_started_again_brings_the_work_back(root: Path) -> None:
    (root / "a.txt").write_text("start\n")
    first = await talk(root, [edits("a.txt", "start", "edited"), runs("echo n > n.txt; rm a.txt")])
    await first.says("edit")
    await first.says("replace")
    done = first.files()
    await first.command("/rewind 1 both")
    assert first.files() == {"a.txt": b"start\n"}
    session = first.conversation.session_id
    await first.conversation.close()

    again = await talk(root, [writes(c_txt="3\n")], resume=session)
    assert again.conversation.redoable
    await again.command("/rewind redo")
    assert again.files() == done
    assert again.prompts == ["edit", "replace"]
    assert not again.conversation.redoable
    await again.command("/rewind 2 both")
    await again.says("another way")
    assert set(again.files()) == {"a.txt", "c.txt"}
    assert not again.conversation.redoable
    await again.conversation.close()


async def test_redo_is_offered_only_where_there_is_something_to_redo(root: Path) -> None:
    person = Person()
    talking = await talk(root, [writes(a_txt="1\n"), runs("true")], person=person)
    await talking.says("first")
    await talking.says("second")
    await talking.command("/rewind")
    await talking.command("/rewind 2 files")
    await talking.command("/rewind")
    await talking.command("/rewind 1 files")
    await talking.command("/rewind")
    await talking.command("/rewind redo")
    await talking.command("/rewind")
    offered = ["Redo" in {option.label for option in question.options} for question in person.asked]
    assert offered == [False, False, True, False]
    assert all(question.closed for question in person.asked)
    await talking.conversation.close()


async def test_a_damaged_store_is_made_anew_and_what_is_lost_is_said(root: Path) -> None:
    (root / "a.txt").write_text("start\n")
    talking = await talk(root, [runs("echo one > a.txt"), runs("echo two > a.txt")])
    await talking.says("first")
    await talking.conversation.rewind_points()
    for path in (root.parent / "kcode" / "checkpoints").glob("*/git/**/*"):
        if path.is_file() and path.parent.name != "info":
            path.chmod(0o600)
            path.write_bytes(b"garbage\n")
    await talking.says("second")
    assert "start" not in (root / "a.txt").read_text()

    text = (await talking.command("/rewind 2 files")).text
    assert (root / "a.txt").read_text() == "one\n", text
    text = (await talking.command("/rewind 1 files")).text
    assert (root / "a.txt").read_text() == "one\n"
    assert "what commands changed is not known any more" in text
    await talking.conversation.close()


async def test_a_store_that_another_kcode_deleted_is_made_anew(root: Path) -> None:
    (root / "a.txt").write_text("start\n")
    talking = await talk(root, [runs("ls > /dev/null; true"), runs("echo two > a.txt")])
    await talking.says("first")
    await talking.conversation.rewind_points()
    shell(root.parent, "rm -r kcode/checkpoints")
    await talking.says("second")
    await rewound(talking, "/rewind 2 files")
    assert (root / "a.txt").read_text() == "start\n"


async def test_a_folder_over_the_caps_is_told_and_file_tools_are_still_undone(root: Path) -> None:
    for number in range(6):
        (root / f"{number}.txt").write_text("x")
    events: list[Event] = []

    async def emit(event: Event) -> None:
        events.append(event)

    checkpoints = Checkpoints(root.parent / "kcode", root, emit, caps=Caps(files=5))
    checkpoints.begin()
    await checkpoints.settled()
    assert "more than 5 files" in checkpoints.problem
    await checkpoints.before()
    assert events == []
    await checkpoints.close()


@pytest.fixture
def full(root: Path) -> Iterator[Callable[[], None]]:
    """A home on a disk of 64 kB that is full; yields what makes room."""
    with small_disk(root.parent / "kcode") as home:
        yield fill(home).unlink


async def test_where_copies_do_not_fit_it_is_told_before_anything_is_lost(
    root: Path, full: Callable[[], None]
) -> None:
    (root / "a.txt").write_text("precious\n")
    (root / "b.txt").write_text("precious\n")
    talking = await talk(
        root, [runs("rm a.txt"), edits("b.txt", "precious", "edited"), runs("echo 1 > c.txt; rm b.txt")]
    )
    await talking.says("remove")
    told = [*talking.person.notices, *(request.reason for request in talking.person.requests)]
    assert any("a.txt" in words or "could not bring back" in words for words in told), told
    await talking.says("edit")
    assert any("b.txt" in notice and "No space left" in notice for notice in talking.person.notices)
    text = (await talking.command("/rewind 2 files")).text
    assert (root / "b.txt").read_text() == "edited\n"
    assert "what it was is not kept" in text

    full()
    await talking.says("remove again")
    await talking.command("/rewind 3 files")
    assert (root / "b.txt").read_text() == "edited\n"
    assert not (root / "c.txt").exists()
    await talking.conversation.close()
