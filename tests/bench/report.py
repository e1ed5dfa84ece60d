"""Measured rows as tables, and the floors that they are held against."""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from parts import Row

Parts = Mapping[str, Sequence[Row]]

TITLES = {
    "cold": "Cold start",
    "once": "One-shot, no tools",
    "steps": "Steps of `true` in bash",
    "chunks": "Streamed chunks, one-shot",
    "keys": "First key echoed",
}


@dataclass(frozen=True, slots=True)
class Floor:
    """One promise: a figure of kcode, at most `limit`."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def kept(self) -> bool:
        """Whether it holds."""
        return self.value <= self.limit


def floors(parts: Parts) -> list[Floor]:
    """Hold what was measured against what is promised."""
    found: list[Floor] = []

    def add(name: str, limit: float, unit: str, value: Callable[[], float]) -> None:
        try:
            found.append(Floor(name, value(), limit, unit))
        except (KeyError, StopIteration, ZeroDivisionError):
            return  # that part was not measured, or failed

    def figure(part: str, agent: str, name: str) -> float:
        row: Row = next(row for row in parts[part] if row["agent"] == agent)
        return float(row[name] or 0)

    for flag in ("--version", "--help"):
        add(
            f"`{flag}` against `python -c pass` (CPU)",
            4,
            "x",
            lambda flag=flag: (
                figure("cold", f"kcode {flag}", "cpu s") / figure("cold", "python -c pass", "cpu s")
            ),
        )
    for kind in ("wall", "cpu"):
        add(
            f"one-shot against a bare openai script ({kind})",
            1.3,
            "x",
            lambda kind=kind: (
                figure("once", "kcode", f"{kind} s") / figure("once", "bare stream", f"{kind} s")
            ),
        )
    add("own time of a step, median", 8, "ms", lambda: figure("steps", "kcode", "gap ms"))
    add("last tenth of the steps against the first", 1.3, "x", lambda: figure("steps", "kcode", "growth"))
    add("connections", 1, "", lambda: figure("steps", "kcode", "connections"))
    add("peak memory", 120, "MB", lambda: figure("steps", "kcode", "rss MiB") * 2**20 / 1e6)
    add("CPU of a streamed chunk", 30, "us", lambda: figure("chunks", "kcode", "us cpu/chunk"))
    add(
        "first key against a bare prompt_toolkit prompt",
        3,
        "x",
        lambda: figure("keys", "kcode", "echo s") / figure("keys", "bare prompt", "echo s"),
    )
    return found


def machine() -> dict[str, Any]:
    """Describe where this was measured, without naming the machine."""
    busy = os.getloadavg()[0]
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(busy, 1),
    }


def document(parts: Parts, where: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything as JSON."""
    return {
        "machine": {**where},
        "parts": {name: [*rows] for name, rows in parts.items()},
        "floors": [{**asdict(floor), "kept": floor.kept} for floor in floors(parts)],
    }


def markdown(parts: Parts, where: Mapping[str, Any]) -> str:
    """Return everything as Markdown."""
    load = f"load {where['load']} at the start"
    lines = [f"Python {where['python']}, {where['system']}, {where['cores']} cores, {load}.", ""]
    held = floors(parts)
    if held:
        lines += ["| promise | measured | at most | kept |", "| --- | ---: | ---: | --- |"]
        lines += [
            f"| {f.name} | {_number(f.value)} {f.unit} | {f.limit:g} {f.unit} | {'yes' if f.kept else '**no**'} |"
            for f in held
        ]
    for part, rows in parts.items():
        lines += ["", f"### {TITLES[part]}", "", *_table(rows)]
    return "\n".join(" ".join(line.split()) if line.startswith("|") else line for line in lines) + "\n"


def _table(rows: Sequence[Row]) -> list[str]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not any(row.get("note") for row in rows):
        names.remove("note")
    marks = ["---" if name in {"agent", "note"} else "---:" for name in names]
    table = [names, marks, *([_cell(row.get(name)) for name in names] for row in rows)]
    return [f"| {' | '.join(cells)} |" for cells in table]


def _cell(value: float | str | None) -> str:
    if value is None:
        return ""
    return value.replace("|", "\\|") if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value)}"
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{digits}f}"
