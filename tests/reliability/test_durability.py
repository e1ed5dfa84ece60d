"""What was said and done is on disk when it must be: the installed program, real system calls, real small disks."""

import asyncio
import os
import signal
from pathlib import Path

from kcode.providers.scripted import Step, call, says
from kcode.providers.scripted_server import ScriptedServer
from kcode.providers.scripted_wire import Wire
from kcode.session.store import slug
from tests.frontends.installed import Place
from tests.reliability.provoke import SESSION, fill, needs, recorded, small_disk, traced, unanswered


def log_of(place: Place) -> Path:
    return place.home / ".kcode" / "sessions" / slug(place.folder.resolve()) / f"{SESSION}.jsonl"


LONG = " ".join(map(str, range(4000)))
TURN: list[Step] = [
    says(LONG, call("Glob", pattern="*.none")),
    says("", call("Bash", command="echo done > a.txt")),
    says(LONG),
]


async def test_the_disk_is_asked_after_each_prompt_around_each_change_at_the_end_and_never_else(
    place: Place, tmp_path: Path
) -> None:
    needs("strace")
    out = tmp_path / "trace"
    place.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    wrapper = ["strace", "-f", "-y", "-s", "400", "-o", str(out), "-e", "trace=write,fdatasync,fsync,execve"]
    # Copies of the folder are kept beside the calls, and told whenever they are made.
    flags = [
        "--session-id",
        SESSION,
        "--allowedTools",
        "Bash",
        "--settings",
        '{"fileCheckpointingEnabled": false}',
    ]
    async with ScriptedServer(TURN) as server:
        done = await place.run("-p", "go", *flags, base_url=server.base_url, under=wrapper)
    assert done.status == 0, done.err

    seen: list[str] = []
    for one in traced(out):
        if one.name == "execve" and "echo done > a.txt" in one.arguments:
            seen.append("the command runs")
        elif f"{SESSION}.jsonl>" in one.arguments:
            seen += ["sync"] if one.name == "fdatasync" else _records(one.arguments)
    assert seen == [
        "prompt",
        "sync",
        "answer",
        "begins, changes nothing",
        "result",
        "answer",
        "begins",
        "sync",
        "the command runs",
        "result",
        "sync",
        "answer",
        "end",
        "sync",
    ], seen


def _records(write: str) -> list[str]:
    """Name the records of a write that the test is about."""
    text = write.replace('\\"', '"')
    if '"type":"tool_started"' in text:
        return ["begins" if '"side_effects":true' in text else "begins, changes nothing"]
    if '"type":"turn_ended"' in text:
        return ["end"]
    if '"type":"message"' in text or '"type":"message_added"' in text:
        roles = {"user": "prompt", "assistant": "answer", "tool": "result"}
        return [word for role, word in roles.items() if f'"role":"{role}"' in text]
    return ["prompt"] if '"type":"session"' in text else []


async def test_a_disk_that_will_not_promise_to_keep_is_told_and_the_work_goes_on(place: Place) -> None:
    needs("strace")
    log = log_of(place)
    place.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    wrapper = ["strace", "-f", "-qq", "-o", os.devnull, "-P", str(log), "-e", "inject=fdatasync:error=EIO"]
    async with ScriptedServer(TURN) as server:
        flags = ["--session-id", SESSION, "--allowedTools", "Bash"]
        done = await place.run("-p", "go", *flags, base_url=server.base_url, under=wrapper)
    assert (done.status, done.out.strip()) == (0, LONG)
    assert done.err.count("not safe any more") == 1, done.err
    assert "Input/output error" in done.err
    assert unanswered(recorded(place.home)) == []


async def test_a_full_disk_is_told_and_what_waited_is_saved_when_there_is_room_again(place: Place) -> None:
    with small_disk(place.home):
        filling = fill(place.home, leave=12_000)
        steps = [
            says(LONG, call("Bash", command="echo one")),
            says("", call("Bash", command=f"rm {filling}")),
            says("done"),
        ]
        async with ScriptedServer(steps) as server:
            done = await place.run("-p", "go", "--allowedTools", "Bash", base_url=server.base_url)
        assert (done.status, done.out) == (0, "done\n"), done.err
        assert done.err.count("cannot be saved at the moment: No space left on device") == 1, done.err
        assert done.err.count("is being saved again") == 1, done.err
        session = recorded(place.home)
        assert (session.damaged, unanswered(session)) == (0, [])
        assert [event.type for event in session.events][-1] == "turn_ended"
        assert sum(LONG in event.model_dump_json() for event in session.events) == 1


async def test_a_disk_that_stays_full_costs_the_record_not_the_answer(place: Place) -> None:
    with small_disk(place.home):
        fill(place.home)
        async with ScriptedServer([says("", call("Bash", command="echo hi")), says("done")]) as server:
            done = await place.run("-p", "go", "--allowedTools", "Bash", base_url=server.base_url)
        assert (done.status, done.out) == (0, "done\n"), done.err
        assert "No space left on device" in done.err
        assert "could not be saved" in done.err
        assert "Traceback" not in done.err


async def test_a_full_temporary_folder_costs_the_overflow_not_the_command(
    place: Place, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "tmp") as disk:
        fill(disk)
        place.environ |= {"TMPDIR": str(disk), "HOME": "/nonexistent", "KCODE_HOME": ""}
        steps = [says("", call("Bash", command="seq 100000; echo last > a.txt")), says("done")]
        async with ScriptedServer(steps) as server:
            done = await place.run("-p", "go", "--allowedTools", "Bash", base_url=server.base_url)
            results = [
                m["content"] for m in server.stats.requests[-1].json()["messages"] if m["role"] == "tool"
            ]
    assert (done.status, done.out) == (0, "done\n"), done.err
    assert "100000" in str(results)
    assert (place.folder / "a.txt").read_text() == "last\n"


async def test_a_second_program_is_kept_out_of_a_session_until_the_first_is_dead(place: Place) -> None:
    hangs = Wire([b": waiting\n\n"], end="hang")
    async with ScriptedServer([hangs, says("a copy"), says("the same")]) as server:
        first = await place.start("-p", "go", "--session-id", SESSION, base_url=server.base_url)
        while not (log_of(place).exists() and log_of(place).read_bytes().count(b"\n") > 3):
            await asyncio.sleep(0.02)
        before = log_of(place).read_bytes()
        second = await place.run("-p", "me too", "--resume", SESSION, base_url=server.base_url)
        assert second.status == 2
        assert "open in another kcode" in second.err
        assert "--fork-session" in second.err
        assert log_of(place).read_bytes() == before
        copy = await place.run(
            "-p", "me too", "--resume", SESSION, "--fork-session", base_url=server.base_url
        )
        assert (copy.status, copy.out) == (0, "a copy\n")

        first.send_signal(signal.SIGKILL)
        await first.communicate()
        # A file that says who had it would be there still; the lock died with its process.
        (log_of(place).with_suffix(".pid")).write_text(str(os.getpid()))
        third = await place.run("-p", "now me", "--resume", SESSION, base_url=server.base_url)
        assert (third.status, third.out) == (0, "the same\n"), third.err


async def test_damaged_lines_of_a_session_are_counted_for_the_person_and_stay_in_the_file(
    place: Place,
) -> None:
    async with ScriptedServer([*TURN, says("going on")]) as server:
        await place.run(
            "-p", "go", "--session-id", SESSION, "--allowedTools", "Bash", base_url=server.base_url
        )
        data = bytearray(log_of(place).read_bytes())
        middle = len(data) // 2
        data[middle : middle + 300] = bytes(150) + b"\xff\n" * 75
        log_of(place).write_bytes(data)
        done = await place.run("-p", "and?", "--resume", SESSION, base_url=server.base_url)
    assert (done.status, done.out) == (0, "going on\n")
    assert "damaged lines of this session were skipped" in done.err
    assert log_of(place).read_bytes().startswith(bytes(data))
