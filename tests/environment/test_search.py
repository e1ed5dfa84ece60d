"""Searching respects what a project ignores, shows the newest first, and always ends."""

import os
import shutil
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcode.environment.globs import MOST, expand_braces
from kcode.environment.search import LocalSearch, find_ripgrep
from kcode.screen.names import escape_name, unescape_name
from kcode.types.environment import GrepQuery
from kcode.types.errors import ToolError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = Path(os.path.realpath(tmp_path)) / "proj"
    files = {
        "src/app.py": "import os\n\ndef main():\n    return os\n",
        "src/web/page.ts": "export const main = 1\n",
        "src/web/view.tsx": "// no word here\n",
        "README.md": "main things\n",
        ".github/ci.yml": "on: main\n",
        ".git/config": "main\n",
        "node_modules/x/index.js": "main()\n",
        "build/app.py": "main\n",
        ".gitignore": "node_modules/\n/build\n*.log\n!keep.log\n",
        "keep.log": "main\n",
        "drop.log": "main\n",
    }
    for age, (name, text) in enumerate(files.items()):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        os.utime(file, (1_700_000_000 - age, 1_700_000_000 - age))
    return root


async def glob(root: Path, pattern: str, below: str = ".") -> list[str]:
    return list((await LocalSearch(root).glob(pattern, root / below)).lines)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**/*.py", ["src/app.py"]),
        ("*.py", ["src/app.py"]),
        ("src/*.py", ["src/app.py"]),
        ("./src/**/*.ts", ["src/web/page.ts"]),
        ("src/**/*.{ts,tsx}", ["src/web/page.ts", "src/web/view.tsx"]),
        ("**/{app,page}.{py,ts}", ["src/app.py", "src/web/page.ts"]),
        ("src", ["src/app.py", "src/web/page.ts", "src/web/view.tsx"]),
        ("src/web/", ["src/web/page.ts", "src/web/view.tsx"]),
        ("src/**", ["src/app.py", "src/web/page.ts", "src/web/view.tsx"]),
        ("src/**/**/*.py", ["src/app.py"]),
        ("/src/[ab]pp.p?", ["src/app.py"]),
        ("**/[!a]*.ts", ["src/web/page.ts"]),
        ("**/*.js", []),
        ("*.yml", [".github/ci.yml"]),
        ("**/config", []),
        ("nothing*", []),
        ("*.md, *.yml", ["README.md", ".github/ci.yml"]),
    ],
)
async def test_files_are_found_by_pattern_but_not_what_is_ignored(root: Path, pattern: str, found: list[str]):
    assert await glob(root, pattern) == found


async def test_the_pattern_is_relative_to_the_folder(root: Path):
    assert await glob(root, "*.ts", "src/web") == ["src/web/page.ts"]
    assert await glob(root, "web/*.ts", "src") == ["src/web/page.ts"]


async def test_the_newest_file_comes_first(root: Path):
    os.utime(root / "src/web/view.tsx")
    assert (await glob(root, "src/**"))[0] == "src/web/view.tsx"


async def test_an_ignored_folder_is_searched_when_named(root: Path):
    found = await LocalSearch(root).grep(GrepQuery(pattern="main", path=root / "node_modules/x"))
    assert found.lines == ["node_modules/x/index.js"]


async def test_grep_names_files_counts_or_shows_lines(root: Path):
    search = LocalSearch(root)
    assert (await search.grep(GrepQuery(pattern="main", path=root))).lines == [
        "src/app.py",
        "src/web/page.ts",
        "README.md",
        ".github/ci.yml",
        "keep.log",
    ]
    counted = await search.grep(GrepQuery(pattern="os", path=root, mode="count"))
    assert counted.lines == ["src/app.py:2"]
    shown = await search.grep(GrepQuery(pattern="def main", path=root, mode="content", before=2, after=1))
    assert shown.lines == [
        "src/app.py-1-import os",
        "src/app.py-2-",
        "src/app.py:3:def main():",
        "src/app.py-4-    return os",
    ]
    plain = await search.grep(GrepQuery(pattern="export", path=root, mode="content", line_numbers=False))
    assert plain.lines == ["src/web/page.ts:export const main = 1"]


async def test_a_glob_or_a_type_narrows_without_bringing_back_what_is_ignored(root: Path):
    search = LocalSearch(root)
    assert (await search.grep(GrepQuery(pattern="main", path=root, glob="*.{py,js}"))).lines == ["src/app.py"]
    assert (await search.grep(GrepQuery(pattern="main", path=root, type="py"))).lines == ["src/app.py"]
    without = await search.grep(GrepQuery(pattern="main", path=root, glob="!*.{py,ts}"))
    assert without.lines == ["README.md", ".github/ci.yml", "keep.log"]


@pytest.mark.parametrize("mode", ["content", "count", "files_with_matches"])
async def test_files_with_secrets_are_shown_only_when_named(root: Path, mode: Literal["content", "count"]):
    for name in (".env", ".env.local", ".env.example", "sub/server.key", "sub/keys.py"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("needle=1\n")
    search = LocalSearch(root)
    found = await search.grep(GrepQuery(pattern="needle", path=root, mode=mode))
    assert sorted(line.split(":")[0] for line in found.lines) == [".env.example", "sub/keys.py"]
    assert "sub/server.key" in found.partial
    named = await search.grep(GrepQuery(pattern="needle", path=root / ".env", mode=mode))
    assert len(named.lines) == 1
    assert not named.partial
    strict = LocalSearch(root, hidden=lambda path: path.suffix == ".py")
    found = await strict.grep(GrepQuery(pattern="needle", path=root / "sub", mode=mode))
    assert [line.split(":")[0] for line in found.lines] == ["sub/server.key"]


async def test_groups_of_lines_stay_apart_and_crlf_leaves_no_trace(root: Path):
    (root / "many.txt").write_bytes(b"x\r\n" + b"-\r\n" * 9 + b"x\r\n")
    found = await LocalSearch(root).grep(
        GrepQuery(pattern="x", path=root / "many.txt", mode="content", after=1, line_numbers=True)
    )
    assert found.lines == ["many.txt:1:x", "many.txt-2--", "--", "many.txt:11:x"]


async def test_a_match_may_span_lines(root: Path):
    query = GrepQuery(pattern="os\\n\\ndef", path=root, multiline=True, mode="content")
    assert (await LocalSearch(root).grep(query)).lines == [
        "src/app.py:1:import os",
        "src/app.py:2:",
        "src/app.py:3:def main():",
    ]
    with pytest.raises(ToolError, match="multiline"):
        await LocalSearch(root).grep(GrepQuery(pattern="os\\n", path=root))


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [("foo(", "Escape"), ("[a", "Escape"), ("(?=x)", "Look-around"), ("(a)\\1", "back-references")],
)
async def test_a_bad_pattern_says_what_to_do(root: Path, pattern: str, advice: str):
    with pytest.raises(ToolError, match=advice):
        await LocalSearch(root).grep(GrepQuery(pattern=pattern, path=root))


async def test_an_unknown_type_says_so(root: Path):
    with pytest.raises(ToolError, match=r"unrecognized file type: vala2.*glob"):
        await LocalSearch(root).grep(GrepQuery(pattern="x", path=root, type="vala2"))


async def test_a_pattern_is_never_an_option(root: Path):
    assert (await LocalSearch(root).grep(GrepQuery(pattern="--files", path=root))).lines == []


async def test_long_lines_are_cut_with_a_note(root: Path):
    (root / "min.js").write_text("x" * 5000 + "needle" + "y" * 5_000_000)
    found = await LocalSearch(root).grep(GrepQuery(pattern="needle", path=root / "min.js", mode="content"))
    assert len(found.lines) == 1
    assert len(found.lines[0]) < 700
    assert "omitted" in found.lines[0]


async def test_names_that_are_no_text_are_escaped_and_usable(root: Path):
    odd = root / "\udcff\n\x1b[2J.py"
    odd.write_text("needle\n")
    assert await glob(root, "*.py") == ["\\xff\\n\\x1b[2J.py", "src/app.py"]
    found = await LocalSearch(root).grep(GrepQuery(pattern="needle", path=root, mode="content"))
    assert found.lines == ["\\xff\\n\\x1b[2J.py:1:needle"]
    assert root / unescape_name("\\xff\\n\\x1b[2J.py") == odd


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\")) | st.binary().map(os.fsdecode)
)
def test_an_escaped_name_is_printable_and_comes_back(name: str):
    shown = escape_name(name)
    assert shown.isprintable()
    if "\\" not in name:
        assert unescape_name(shown) == name


async def test_what_takes_too_long_ends_with_what_was_found(root: Path, tmp_path: Path):
    slow = tmp_path / "slow-rg"
    slow.write_text("#!/bin/sh\nprintf './src/app.py\\000./src/web/page.ts\\000half'\nsleep 60\n")
    slow.chmod(0o755)
    found = await LocalSearch(root, seconds=0.3, find=lambda: str(slow)).glob("*", root)
    assert sorted(found.lines) == ["src/app.py", "src/web/page.ts"]
    assert "0.3 s" in found.partial


async def test_what_is_too_much_ends_with_what_was_found(root: Path):
    (root / "many.txt").write_text("needle\n" * 10_000)
    found = await LocalSearch(root, limit=1000).grep(GrepQuery(pattern="needle", path=root, mode="content"))
    assert 0 < len(found.lines) < 100
    assert all(line.endswith(":needle") for line in found.lines)
    assert "narrow" in found.partial


async def test_without_ripgrep_the_error_says_what_to_install(root: Path):
    with pytest.raises(ToolError, match="pip install ripgrep"):
        await LocalSearch(root, find=lambda: None).glob("*", root)


def test_the_ripgrep_that_came_with_kcode_is_preferred(tmp_path: Path):
    (tmp_path / "other").mkdir()
    for place in (tmp_path, tmp_path / "other"):
        (place / "rg").write_text("")
        (place / "rg").chmod(0o755)
    assert find_ripgrep([tmp_path], tmp_path / "work", path=str(tmp_path / "other")) == str(tmp_path / "rg")
    other = str(tmp_path / "other")
    assert find_ripgrep([tmp_path / "none"], tmp_path / "work", path=other) == f"{other}/rg"
    assert find_ripgrep([], tmp_path / "work", path=str(tmp_path / "none")) is None


async def test_a_persons_ripgrep_configuration_runs_nothing(root: Path, monkeypatch: pytest.MonkeyPatch):
    config = root / "rc"
    config.write_text(f"--pre={shutil.which('touch')}\n")
    monkeypatch.setenv("RIPGREP_CONFIG_PATH", str(config))
    assert (await LocalSearch(root).grep(GrepQuery(pattern="export", path=root))).lines == ["src/web/page.ts"]


async def test_a_folder_that_may_not_be_read_does_not_hide_the_rest(root: Path):
    if os.geteuid() != 0:
        (root / "closed").mkdir(mode=0)
    else:
        (root / "broken").symlink_to("nowhere")
    assert (await LocalSearch(root).grep(GrepQuery(pattern="export", path=root))).lines == ["src/web/page.ts"]


def test_braces_stand_for_several_patterns_but_not_for_endless_ones():
    assert sorted(expand_braces("a{b,c{d,e}}f")) == ["abf", "acdf", "acef"]
    assert expand_braces("plain{") == ["plain{"]
    assert len(expand_braces("{a,b}" * 30)) <= MOST + 30


async def test_many_lines_are_made_when_they_are_looked_at(tmp_path: Path):
    asked: list[Path] = []

    def hidden(path: Path) -> bool:
        asked.append(path)
        return path.name.endswith("7.txt")

    for number in range(3000):
        (tmp_path / f"f{number:04}.txt").write_text("word\n")
    lines = (await LocalSearch(tmp_path, hidden=hidden).grep(GrepQuery(pattern="word", path=tmp_path))).lines
    assert len(asked) < 1500
    assert not [line for line in lines[:2000] if line.endswith("7.txt")]
    assert len(lines[:]) == len(lines) == 2700
    assert lines[-1] == list(lines)[-1]
