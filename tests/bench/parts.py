"""What is measured, part by part; agents take turns, so that a busy moment hits all of them."""

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import TypeAlias, TypeVar

from agents import Agent, bare_python, kcode, peers, yardstick
from child import Cost, FailedError, Served, environment, run, server
from keys import Keys, TooLateError, first_key

T = TypeVar("T")
_FEW = 5
"""Steps of the run whose cost is taken off: starting is measured elsewhere."""
Row: TypeAlias = dict[str, float | str | None]
"""One line of a table: the agent, and figures by name."""

_STREAM_PIECE = "16"


def cold(runs: int) -> list[Row]:
    """`--version` and `--help`, beside an interpreter that does nothing."""
    everyone = [kcode(), *peers()]
    asked = {f"{a.name} {flag}": [*a.command, flag] for a in everyone for flag in ("--version", "--help")}
    floor = bare_python()
    with tempfile.TemporaryDirectory() as folder:
        env = environment(Path(folder))

        def start(command: Sequence[str], number: int) -> Cost:
            del number
            return run(command, env, Path(folder))

        rows = _turns({floor.name: floor.command, **asked}, runs, start)
    for row in rows:
        # A child counts the memory of whoever started it as its own until it has more.
        row.pop("rss MiB", None)
    return rows


def once(runs: int) -> list[Row]:
    """One prompt, no tools: the whole process."""
    return _shots([yardstick("stream"), kcode(), *_askable()], {"text": "Hello. ", "times": 3}, runs)


def chunks(runs: int, count: int) -> list[Row]:
    """The CPU that a streamed chunk costs: a long answer against a short one."""
    agents = [yardstick("stream"), kcode(), *_askable()]
    short = {r["agent"]: r for r in _shots(agents, {"text": "word "}, runs)}
    rows: list[Row] = []
    # No two chunks are the same: an answer that repeats itself is broken off.
    answer = "".join(f"{i:04x} " for i in range(count))
    for row in _shots(agents, {"text": answer}, runs, piece="5"):
        cpu, less = row.get("cpu s"), short[row["agent"]].get("cpu s")
        if not isinstance(cpu, float) or not isinstance(less, float):
            rows.append(row)
            continue
        rows.append(
            {
                "agent": row["agent"],
                "chunks": count,
                "us cpu/chunk": (cpu - less) / count * 1e6,
                "cpu s": cpu,
                "rss MiB": row["rss MiB"],
                "note": row["note"],
            }
        )
    return rows


def steps(repeats: int, count: int) -> list[Row]:
    """Many steps of one shell command that does nothing: the time between answer and next request."""
    found: dict[str, list[Row]] = {}
    for _ in range(repeats):
        for agent in [yardstick("steps"), yardstick("steps-create"), kcode(), *_askable()]:
            try:
                few, _ = _walk(agent, _FEW)
                cost, served = _walk(agent, count)
            except FailedError as failure:
                row = _failed(agent.name, str(failure))
            else:
                row = _stepped(agent.name, served, cost, count)
                row["cpu ms/step"] = (cost.cpu - few.cpu) / (count - _FEW) * 1e3
            found.setdefault(agent.name, []).append(row)
    return [_middle(rows) for rows in found.values()]


def _walk(agent: Agent, count: int) -> tuple[Cost, Served]:
    script = [agent.step(f"true {i}") for i in range(count)] + [{"text": "done"}]
    with tempfile.TemporaryDirectory() as folder, server(script) as served:
        cost = _ask(agent, served, Path(folder))
    return cost, served


def keys(runs: int) -> list[Row]:
    """The first key that is echoed, from the start of the process."""
    agents = [yardstick("prompt"), kcode(), *(a for a in peers() if a.once)]
    times: dict[str, list[Keys]] = {a.name: [] for a in agents}
    notes: dict[str, str] = {}
    with server([{"text": "Hello."}]) as served:
        for _ in range(runs):
            for agent in agents:
                command = [*agent.command, *(agent.once if agent.name == "bare prompt" else ())]
                with tempfile.TemporaryDirectory() as folder:
                    env = _prepared(agent, served.base_url, Path(folder))
                    try:
                        times[agent.name].append(first_key(command, env, Path(folder) / "work"))
                    except TooLateError as late:
                        notes[agent.name] = f"no echo: {str(late)[-80:]!r}"
    return [
        {
            "agent": name,
            "echo s": statistics.median(k.echoed for k in seen),
            "echo min s": min(k.echoed for k in seen),
            "raw mode s": statistics.median(k.ready for k in seen),
            "cpu s": statistics.median(k.cpu for k in seen),
            "rss MiB": max(k.rss for k in seen),
            "note": notes.get(name, ""),
        }
        if seen
        else _failed(name, notes.get(name, ""))
        for name, seen in times.items()
    ]


def _askable() -> list[Agent]:
    return [agent for agent in peers() if agent.once]


def _ask(agent: Agent, served: Served, folder: Path) -> Cost:
    env = _prepared(agent, served.base_url, folder)
    return run([*agent.command, *agent.once], env, folder / "work")


def _prepared(agent: Agent, base_url: str, folder: Path) -> dict[str, str]:
    home, work = folder / "home", folder / "work"
    for made in (home, work):
        made.mkdir(exist_ok=True)
    agent.prepare(home, base_url)
    return environment(home, {"TERM": "xterm-256color", **agent.environ(base_url)})


def _shots(agents: Sequence[Agent], step: Mapping[str, object], runs: int, piece: str = "16") -> list[Row]:
    # Some agents ask for more than they were asked for.
    times = 4 * (runs + 1) * len(agents)
    with tempfile.TemporaryDirectory() as folder, server(repeat(step, times), "--piece", piece) as served:
        asked = {agent.name: agent for agent in agents}

        def ask(agent: Agent, number: int) -> Cost:
            place = Path(folder) / f"{agent.name}-{min(number, 1)}"
            place.mkdir(exist_ok=True)
            return _ask(agent, served, place)

        return _turns(asked, runs, ask)


def _turns(asked: Mapping[str, T], runs: int, ask: Callable[[T, int], Cost]) -> list[Row]:
    """Run everyone in turn; the first round, which compiles and fills caches, does not count."""
    costs: dict[str, list[Cost]] = {name: [] for name in asked}
    failures: dict[str, str] = {}
    for number in range(runs + 1):
        for name, what in asked.items():
            if name in failures:
                continue
            try:
                cost = ask(what, number)
            except FailedError as failure:
                failures[name] = str(failure)
                continue
            if number:
                costs[name].append(cost)
    return [
        _failed(name, failures[name]) if name in failures else _summed(name, seen)
        for name, seen in costs.items()
    ]


def _summed(name: str, seen: Sequence[Cost]) -> Row:
    return {
        "agent": name,
        "wall s": statistics.median(c.wall for c in seen),
        "wall min s": min(c.wall for c in seen),
        "cpu s": statistics.median(c.cpu for c in seen),
        "cpu min s": min(c.cpu for c in seen),
        "rss MiB": max(c.rss for c in seen),
        "note": "",
    }


def _failed(name: str, why: str) -> Row:
    return {"agent": name, "note": f"failed: {' '.join(why.split())[:160]}"}


def _stepped(name: str, served: Served, cost: Cost, count: int) -> Row:
    asked = served.asked
    gaps = [row["gap_ms"] for row in asked[1:]]
    sizes = [row["bytes"] for row in asked]
    if len(gaps) < count:
        return _failed(name, f"only {len(asked)} of {count + 1} requests came: {cost.out[-200:]}")
    tenth = max(1, len(gaps) // 10)
    first, last = statistics.median(gaps[:tenth]), statistics.median(gaps[-tenth:])
    return {
        "agent": name,
        "steps": count,
        "gap ms": statistics.median(gaps),
        "p95 ms": statistics.quantiles(gaps, n=20)[-1],
        "first tenth ms": first,
        "last tenth ms": last,
        "growth": last / first,
        "cpu ms/step": 0.0,
        "rss MiB": cost.rss,
        "sent MB": sum(sizes) / 1e6,
        "first kB": sizes[0] / 1e3,
        "B/step": (sizes[-1] - sizes[1]) / (len(sizes) - 2),
        "connections": served.seen["connections"],
        "note": "",
    }


def _middle(rows: Sequence[Row]) -> Row:
    """Take the median of every figure over the repetitions."""
    good = [row for row in rows if "gap ms" in row]
    if not good:
        return rows[0]
    first = good[0]
    return {key: _median([row[key] for row in good]) for key in first}


def _median(values: Sequence[float | str | None]) -> float | str | None:
    figures = [value for value in values if isinstance(value, int | float)]
    return statistics.median(figures) if figures else values[0]
