"""What looking at code costs, and whether the map is worth it.

python tests/bench/bench_code.py                 a made-up repository of 5,000 files, a tree of 100,000
python tests/bench/bench_code.py --worth FOLDER  test files of an installed package: is what they test on the map?
"""

import argparse
import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from kcode.environment.local import LocalEnvironment
from kcode.environment.search import find_ripgrep
from kcode.environment.syntax import graph
from kcode.types.environment import GrepQuery

FILES = 5_000
TREE = 100_000
CASES = 50
FIRST = 10


def made_up(root: Path) -> int:
    """Write modules that import and call one another; returns their bytes."""
    choice = random.Random(1)
    size = 0
    for number in range(FILES):
        folder = root / f"pkg{number // 100}"
        folder.mkdir(exist_ok=True)
        others = [choice.randrange(FILES) for _ in range(5)]
        lines = [f"from pkg{n // 100}.mod{n} import Thing{n}, make_{n}\n" for n in others]
        for part in range(25):
            n = choice.choice(others)
            lines.append(
                f'\n\nclass Thing{number if part == 0 else f"{number}_{part}"}:\n    """Holds {part}."""\n\n'
                f"    def step_{part}(self, value: int) -> int:\n        total = make_{n}(value) + {part}\n"
                f"        return Thing{n}(total).step_0(value)\n"
            )
        lines.append(f"\n\ndef make_{number}(value: int) -> int:\n    return value\n")
        text = "".join(lines)
        size += len(text)
        (folder / f"mod{number}.py").write_text(text)
    return size


def tree(root: Path) -> None:
    """Write many small files."""
    for number in range(TREE):
        folder = root / f"d{number // 1000}" / f"e{number // 100 % 10}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"f{number % 100}.py").write_text(f'def f():\n    return "needle{number % 50}"\n')


def line(name: str, seconds: Sequence[float], more: str = "") -> None:
    """Print one row."""
    print(f"{name:<44} {statistics.median(seconds):7.2f} s median {min(seconds):7.2f} s best  {more}")


async def timed(once: Callable[[], Awaitable[object]], rounds: int = 3) -> list[float]:
    """Return the seconds of some rounds."""
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        await once()
        times.append(time.perf_counter() - began)
    return times


async def maps(root: Path, home: Path) -> None:
    """Time the map: cold, warm in a new process's place, and after one file changed."""

    async def fresh() -> None:
        environment = LocalEnvironment(root, home=home)
        await environment.syntax.map(tokens=1500, focus=["pkg7"])
        await environment.close()

    cpu = time.process_time()
    cold = await timed(fresh, 1)
    line("map, cold", cold, f"{time.process_time() - cpu:.2f} s of processor")
    line("map, warm", await timed(fresh))
    (root / "pkg7/mod700.py").write_text("def other():\n    pass\n")
    line("map, one file changed", await timed(fresh, 1))
    environment = LocalEnvironment(root, home=home)
    line("symbol", await timed(lambda: environment.syntax.symbols("make_4321")))
    await environment.close()


async def searches(root: Path) -> None:
    """Time Glob and Grep beside ripgrep itself."""
    program = find_ripgrep([Path(sys.executable).parent], Path.cwd()) or "rg"
    search = LocalEnvironment(root).search

    async def plain(*arguments: str) -> None:
        await asyncio.to_thread(
            subprocess.run, [program, *arguments, "./"], cwd=root, capture_output=True, check=True
        )

    line("rg --files", await timed(lambda: plain("--files")))
    line("Glob **/*.py, every file", await timed(lambda: search.glob("**/*.py", root)))
    line("Glob **/f7.py, one in a hundred", await timed(lambda: search.glob("**/f7.py", root)))
    line("rg -l needle7", await timed(lambda: plain("-l", "needle7")))
    line("Grep needle7", await timed(lambda: search.grep(GrepQuery("needle7", root))))
    line("rg -l return", await timed(lambda: plain("-l", "return")))
    line("Grep return, every file", await timed(lambda: search.grep(GrepQuery("return", root))))


def cases(paths: Sequence[str]) -> list[tuple[str, str]]:
    """Pair tests with the one module near them that carries their name."""
    tests = [path for path in paths if Path(path).name.startswith("test_")]
    others = [path for path in paths if not graph.is_test(path)]
    pairs: list[tuple[str, str]] = []
    for test in tests:
        name, near = Path(test).stem.removeprefix("test_"), {Path(test).parent, Path(test).parent.parent}
        found = [p for p in others if Path(p).stem in {name, f"_{name}"} and Path(p).parent in near]
        if len(found) == 1:
            pairs.append((test, found[0]))
    random.Random(1).shuffle(pairs)
    return pairs[:CASES]


def sources(root: Path) -> list[str]:
    """List the Python files below a folder."""
    return [str(path.relative_to(root)) for path in sorted(root.rglob("*.py"))]


async def worth(root: Path) -> None:
    """Count how often the module under test is among the first files, without the help of its name."""
    setattr(graph, "_NAMESAKE", 0.0)  # noqa: B010 - the name is how the cases are known, so it must not help
    environment = LocalEnvironment(root)
    everything = (await environment.syntax.map(tokens=200)).files
    pairs = cases(sources(root))
    hits = 0
    for test, module in pairs:
        made = await environment.syntax.map(tokens=1500, focus=[test])
        place = next((n for n, file in enumerate(made.ranked) if file.path == module), -1)
        hits += 0 <= place < FIRST
        if not 0 <= place < FIRST:
            print(f"  missed: {test}, its module stands at {place + 1 or 'none'}")
    print(
        f"{root.name}: {hits} of {len(pairs)} modules under test are among the first {FIRST} of {everything} files"
    )
    await environment.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worth", type=Path, nargs="+", metavar="FOLDER", default=[])
    options = parser.parse_args()
    for folder in options.worth:
        asyncio.run(worth(folder.resolve()))
    if options.worth:
        return
    with tempfile.TemporaryDirectory() as place:
        for name in ("code", "home", "tree"):
            (Path(place) / name).mkdir()
        print(f"{FILES} files, {made_up(Path(place) / 'code') / 1e6:.1f} MB of code")
        asyncio.run(maps(Path(place) / "code", Path(place) / "home"))
        tree(Path(place) / "tree")
        print(f"\n{TREE} files")
        asyncio.run(searches(Path(place) / "tree"))


if __name__ == "__main__":
    main()
