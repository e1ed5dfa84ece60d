from pathlib import Path

from installed import Place

from kcode.providers.scripted import call, says
from kcode.providers.scripted_server import ScriptedServer

KEY = "sk-planted-0123456789abcdef"


async def test_the_key_reaches_the_endpoint_and_no_child_log_or_file(place: Place) -> None:
    place.environ |= {"KCODE_API_KEY": KEY, "IS_SANDBOX": "1"}
    commands = ("env", "cat /proc/self/environ", f"echo {KEY}", "export -p > vars")
    steps = [says("", *(call("Bash", command=command) for command in commands)), says(f"It is {KEY}.")]
    async with ScriptedServer(steps) as server:
        done = await place.run(
            "-p", f"what is {KEY}?", "--permission-mode", "bypassPermissions", base_url=server.base_url
        )
        asked = server.stats.requests[-1]

    assert done.status == 0, done.err
    assert f"Bearer {KEY}" in str(asked.headers.values())
    first = next(m for m in asked.json()["messages"] if m["role"] == "tool")
    assert KEY not in str(first["content"])
    assert "PATH=" in str(first["content"])
    wrote = [path for base in (place.home, place.folder) for path in base.rglob("*") if path.is_file()]
    assert any(path.suffix == ".jsonl" for path in wrote)
    assert holders(wrote) == []


def holders(paths: list[Path]) -> list[Path]:
    return [path for path in paths if KEY.encode() in path.read_bytes()]
