"""A small repository with one bug and a test that fails because of it; a seed decides which."""

from dataclasses import dataclass
from pathlib import Path
from random import Random


@dataclass(frozen=True, slots=True)
class Bug:
    """A function that is wrong in one line, and what a test expects of it."""

    name: str
    summary: str
    body: tuple[str, ...]
    wrong: str
    right: str
    check: str


BUGS = (
    Bug(
        "average",
        "Return the arithmetic mean of a list of numbers.",
        ("    if not values:", "        return 0.0", "{line}"),
        "    return sum(values) / (len(values) + 1)",
        "    return sum(values) / len(values)",
        "self.assertEqual({module}.average([2, 4, 9]), 5)",
    ),
    Bug(
        "clamp",
        "Return the number, but no less than low and no more than high.",
        ("{line}",),
        "    return min(low, max(high, value))",
        "    return max(low, min(high, value))",
        "self.assertEqual([{module}.clamp(v, 0, 10) for v in (-5, 3, 99)], [0, 3, 10])",
    ),
    Bug(
        "initials",
        "Return the first letters of a name, in capitals.",
        ("    words = name.split()", "{line}"),
        '    return "".join(word[-1].upper() for word in words)',
        '    return "".join(word[0].upper() for word in words)',
        'self.assertEqual({module}.initials("ada king lovelace"), "AKL")',
    ),
    Bug(
        "window",
        "Return the last count items of a list.",
        ("    if count <= 0:", "        return []", "{line}"),
        "    return items[-count - 1 :]",
        "    return items[-count:]",
        "self.assertEqual({module}.window([1, 2, 3, 4], 2), [3, 4])",
    ),
    Bug(
        "is_leap",
        "Tell whether a year has 366 days.",
        ("{line}",),
        "    return year % 4 == 0 and (year % 100 != 0 and year % 400 == 0)",
        "    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)",
        "self.assertEqual([y for y in (1900, 2000, 2023, 2024) if {module}.is_leap(y)], [2000, 2024])",
    ),
)
_ARGUMENTS = {
    "average": "values",
    "clamp": "value, low, high",
    "initials": "name",
    "window": "items, count",
    "is_leap": "year",
}
_MODULES = ("figures", "toolbox", "ledger", "report", "shapes", "counter")
_FILLERS = ("double", "halve", "negate", "square", "succeed", "precede")
_FILLER_LINES = ("value * 2", "value / 2", "-value", "value * value", "value + 1", "value - 1")


@dataclass(frozen=True, slots=True)
class Planted:
    """Where the bug was put; `test` and `source` are relative to the repository."""

    bug: Bug
    source: str
    test: str


def plant(folder: Path, seed: int) -> Planted:
    """Write the files of the repository; bug, names and lines vary with the seed."""
    random = Random(seed)  # noqa: S311 - variety, not a secret
    bug = random.choice(BUGS)
    module = random.choice(_MODULES)
    package = random.choice(("src", "lib", "app"))
    source, test = f"{package}/{module}.py", f"tests/test_{module}.py"
    _write(folder / package / "__init__.py", '"""A small package."""\n')
    _write(folder / source, _source(bug, random))
    _write(folder / test, _test(bug, package, module))
    # Python's own unittest, which runs the tests where pytest is not installed, finds them only in a package.
    _write(folder / "tests" / "__init__.py", "")
    _write(folder / "README.md", f"# {module}\n\nA small package with tests: `python -m pytest`.\n")
    _write(folder / ".gitignore", "__pycache__/\n.pytest_cache/\n")
    # Plugins that happen to be installed beside pytest have nothing to say here.
    _write(folder / "pytest.ini", "[pytest]\naddopts = -p no:asyncio -p no:cacheprovider\n")
    return Planted(bug, source, test)


def _source(bug: Bug, random: Random) -> str:
    chosen = random.sample(range(len(_FILLERS)), random.randint(1, 5))
    functions = [
        f'def {_FILLERS[i]}(value):\n    """Return {_FILLER_LINES[i]}."""\n    return {_FILLER_LINES[i]}\n'
        for i in chosen
    ]
    lines = "\n".join(line.format(line=bug.wrong) for line in bug.body)
    buggy = f'def {bug.name}({_ARGUMENTS[bug.name]}):\n    """{bug.summary}"""\n{lines}\n'
    functions.insert(random.randint(0, len(functions)), buggy)
    return '"""Small functions."""\n\n\n' + "\n\n".join(functions)


def _test(bug: Bug, package: str, module: str) -> str:
    check = bug.check.format(module=module)
    return (
        f"import unittest\n\nfrom {package} import {module}\n\n\n"
        f"class {module.title()}Test(unittest.TestCase):\n"
        f"    def test_{bug.name}(self):\n        {check}\n\n"
        f"    def test_documented(self):\n        self.assertTrue({module}.__doc__)\n\n\n"
        'if __name__ == "__main__":\n    unittest.main()\n'
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
