"""Code by its grammar: outlines, mistakes, symbols and the map."""

import asyncio
import os
import random
import sqlite3
import time
from pathlib import Path

import pytest

from kcode.environment.local import LocalEnvironment
from kcode.environment.syntax.grammars import GRAMMARS, grammar_for, missing
from kcode.environment.syntax.imports import Places, targets
from kcode.environment.syntax.tags import read_problems, read_tags

SAMPLES = {
    "a.py": (
        b"import os\nclass A(B):\n    def f(self):\n        pass\nLIMIT = 1\nplain = 2\n",
        "A:class f:method LIMIT:constant",
    ),
    "a.js": (
        b"class A { m() {} }\nexport const f = (a) => a\nfunction g() {}\n",
        "A:class m:method f:function g:function",
    ),
    "a.ts": (
        b"interface I { m(): void }\ntype T = string\nenum E { X }\n",
        "I:interface m:method T:type E:enum",
    ),
    "a.tsx": (b"export function App() { return <b>x</b> }\n", "App:function"),
    "a.go": (b"package a\nfunc F() {}\nfunc (s *S) M() {}\ntype S struct{}\n", "F:function M:method S:type"),
    "a.rs": (
        b"pub fn f() {}\nstruct S;\nimpl T for S { fn t() {} }\n",
        "f:function S:struct S:impl t:method",
    ),
    "a.java": (b"class A { void m() {} A() {} }\nrecord R(int a) {}\n", "A:class m:method A:method R:record"),
    "a.c": (
        b"#define N 1\nint f(int a) { return a; }\nstruct S { int a; };\n",
        "N:constant f:function S:struct",
    ),
    "a.sh": (b"f() { echo; }\nfunction g { :; }\n", "f:function g:function"),
    "a.json": (b'{"a": {"b": 1}, "c": []}', "a:key b:key c:key"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_each_language_gives_its_definitions(name: str) -> None:
    data, wanted = SAMPLES[name]
    grammar = grammar_for(name)
    assert grammar is not None
    found = " ".join(f"{s.name}:{s.kind}" for s in read_tags(grammar, data).symbols)
    assert found == wanted


def test_every_grammar_is_installed_and_its_query_fits() -> None:
    assert [one.name for one in GRAMMARS if missing(one)] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_right_files_have_no_problems(name: str) -> None:
    grammar = grammar_for(name)
    assert grammar is not None
    assert read_problems(grammar, SAMPLES[name][0]) == ()


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("a.py", b"x = 1\ndef f(:\n    pass\n", 2),
        ("a.py", b"def f():\n    return (1\n\ny = 2\n", 2),
        ("a.js", b"let a = 1\nfunction f( { return 1 }\n", 2),
        ("a.json", b'{"a": 1,}', 1),
        ("a.go", b"package a\nfunc F( {}\n", 2),
    ],
)
def test_mistakes_are_found_where_they_are(name: str, data: bytes, line: int) -> None:
    grammar = grammar_for(name)
    assert grammar is not None
    assert line in {one.line for one in read_problems(grammar, data)}


def test_python_newer_than_the_grammar_is_no_mistake() -> None:
    grammar = grammar_for("a.py")
    assert grammar is not None
    for path in sorted(Path(os.__file__).parent.glob("*.py"))[:60]:
        assert read_problems(grammar, path.read_bytes()) == (), path.name


@pytest.mark.parametrize("name", SAMPLES)
def test_any_bytes_can_be_looked_at(name: str) -> None:
    grammar = grammar_for(name)
    assert grammar is not None
    choice = random.Random(name)
    data = SAMPLES[name][0]
    for _ in range(60):
        at, end = sorted((choice.randrange(len(data)), choice.randrange(len(data))))
        broken = data[:at] + choice.choice([b"\0", b"\xff\xfe", b"(((((", b'"""', b"{", b"\r"]) + data[end:]
        read_tags(grammar, broken)
        read_problems(grammar, broken)


def test_a_file_that_takes_too_long_is_given_up() -> None:
    grammar = grammar_for("a.py")
    assert grammar is not None
    began = time.monotonic()
    read_tags(grammar, b"x = [" + b"(1,[" * 800_000)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("language", "text", "wanted"),
    [
        ("python", "from .a import b as c, d", ["./a", "./a/b", "./a/d"]),
        ("python", "from . import b", ["./", "./b"]),
        ("python", "from ..x.y import (\n  z,  # why\n)", ["../x/y", "../x/y/z"]),
        ("python", "import a.b as c, d", ["a/b", "d"]),
        ("javascript", 'import x from "./a.js"', ["./a"]),
        ("go", 'x "host/mod/pkg"', ["host/mod/pkg/"]),
        ("rust", "use crate::a::{b, c};", ["a", "a/b", "a/c"]),
        ("rust", "mod x;", ["./x"]),
        ("java", "import static a.b.C;", ["a/b/C"]),
        ("c", '#include "x/y.h"', ["x/y", "./x/y"]),
        ("bash", ". ./lib.sh", ["./lib"]),
    ],
)
def test_imports_name_paths(language: str, text: str, wanted: list[str]) -> None:
    assert [one for one in targets(language, text) if one] == wanted


def test_imports_lead_to_files() -> None:
    paths = [
        "src/app/__init__.py",
        "src/app/a.py",
        "web/index.ts",
        "web/b.ts",
        "pkg/go/x.go",
        "json.py/deep/re.py",
    ]
    places = Places(paths, "app")
    assert places.find("app/a", "") == [1]
    assert places.find("./", "src/app") == [0]
    assert places.find("./b", "web") == [3]
    assert places.find("host/mod/pkg/go/", "") == [4]
    assert places.find("re", "") == ()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in {
        "shop/cart.py": "from shop.money import add_up\n\nclass Cart:\n    def total(self):\n"
        "        return add_up([])\n",
        "shop/money.py": "def add_up(items):\n    return sum(items)\n",
        "shop/page.py": "from shop.cart import Cart\nfrom shop.money import add_up\n",
        "shop/__init__.py": "",
        "shop/lonely.py": "def nobody():\n    pass\n",
        "tests/test_cart.py": "from shop.cart import Cart\n\ndef test_it():\n    assert Cart().total() == 0\n",
        "node_modules/x/index.js": "function add_up() {}\n",
        ".gitignore": "node_modules\n",
        ".env": "SECRET=1",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


async def test_what_is_used_most_comes_first_and_ignored_files_do_not_come(project: Path) -> None:
    made = await LocalEnvironment(project).syntax.map(tokens=500)
    names = [file.path for file in made.ranked]
    assert names[0] == "shop/money.py"
    assert names.index("shop/cart.py") < names.index("shop/lonely.py")
    assert not [name for name in names if "node_modules" in name]
    assert "def add_up(items)  [1-2]" in made.text


async def test_around_a_file_what_it_uses_comes_first(project: Path) -> None:
    made = await LocalEnvironment(project).syntax.map(tokens=500, focus=["tests/test_cart.py"])
    assert made.ranked[0].path == "shop/cart.py"
    assert "tests/test_cart.py" not in {file.path for file in made.ranked[:3]}


async def test_a_focus_may_be_a_name_or_mean_nothing(project: Path) -> None:
    syntax = LocalEnvironment(project).syntax
    assert (await syntax.map(tokens=500, focus=["nobody"])).ranked[0].path == "shop/lonely.py"
    assert (await syntax.map(tokens=500, focus=["no_such_thing"])).unknown == ["no_such_thing"]


async def test_a_map_keeps_to_its_budget(project: Path) -> None:
    for number in range(300):
        (project / f"shop/part{number}.py").write_text(
            "".join(f"def f{number}_{i}(): ...\n" for i in range(50))
        )
    for tokens in (200, 1000):
        made = await LocalEnvironment(project).syntax.map(tokens=tokens)
        assert len(made.text) <= tokens * 4


async def test_only_changed_files_are_parsed_again(project: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = await LocalEnvironment(project, home=home).syntax.map(tokens=500)
    assert first.parsed == first.files == 6
    again = await LocalEnvironment(project, home=home).syntax.map(tokens=500)
    assert (again.parsed, again.text) == (0, first.text)
    (project / "shop/lonely.py").write_text("from shop.cart import Cart\n\ndef other():\n    Cart()\n")
    (project / "shop/page.py").rename(project / "shop/side.py")
    third = await LocalEnvironment(project, home=home).syntax.map(tokens=500)
    assert (third.parsed, third.files) == (1, 6)
    assert "def other()" in third.text
    assert "shop/page.py" not in third.text


async def test_a_cache_that_is_damaged_is_made_anew(project: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = await LocalEnvironment(project, home=home).syntax.map(tokens=500)
    (file,) = (home / "cache" / "code").glob("*.sqlite")
    file.write_bytes(b"not a database" * 1000)
    assert (await LocalEnvironment(project, home=home).syntax.map(tokens=500)).text == first.text


async def test_a_cache_that_is_locked_or_cannot_be_written_is_done_without(
    project: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    syntax = LocalEnvironment(project, home=home).syntax
    first = await syntax.map(tokens=500)
    await syntax.close()
    (file,) = (home / "cache" / "code").glob("*.sqlite")
    other = sqlite3.connect(file)
    other.execute("BEGIN EXCLUSIVE")
    assert (await LocalEnvironment(project, home=home).syntax.map(tokens=500)).text == first.text
    other.close()
    (tmp_path / "file").write_text("")
    assert (await LocalEnvironment(project, home=tmp_path / "file").syntax.map(tokens=500)).text == first.text


async def test_maps_asked_for_at_once_agree(project: Path) -> None:
    syntax = LocalEnvironment(project).syntax
    made = await asyncio.gather(*(syntax.map(tokens=500) for _ in range(5)))
    assert len({one.text for one in made}) == 1


async def test_odd_names_and_empty_places_are_no_trouble(tmp_path: Path) -> None:
    syntax = LocalEnvironment(tmp_path).syntax
    assert not (await syntax.map(tokens=500)).ranked
    (tmp_path / "new\nline.py").write_text("def f(): ...\n")
    (tmp_path / os.fsdecode(b"\xff.py")).write_text("def g(): ...\n")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    assert "new\\nline.py" in (await syntax.map(tokens=500)).text


async def test_symbols_are_found_exactly_before_by_parts(project: Path) -> None:
    syntax = LocalEnvironment(project).syntax
    assert [(s.path, s.first) for s in await syntax.symbols("Cart")] == [("shop/cart.py", 3)]
    assert {s.name for s in await syntax.symbols("car")} == {"Cart"}
    assert await syntax.symbols("%") == []


async def test_a_pipe_and_a_folder_with_a_codes_name_are_passed_over(project: Path) -> None:
    os.mkfifo(project / "pipe.py")
    (project / "folder.py").mkdir()
    async with asyncio.timeout(20):
        assert (await LocalEnvironment(project).syntax.map(tokens=500)).files == 6


async def test_a_call_that_is_given_up_leaves_the_next_one_whole(project: Path) -> None:
    syntax = LocalEnvironment(project).syntax
    for number in range(500):
        (project / f"shop/part{number}.py").write_text(
            "".join(f"def f{number}_{i}(): ...\n" for i in range(20))
        )
    for wait in (0.0, 0.02, 0.05, 0.1):
        task = asyncio.ensure_future(syntax.map(tokens=500))
        await asyncio.sleep(wait)
        task.cancel()
    made = await syntax.map(tokens=500)
    assert made.files == 506
    await syntax.close()


async def test_nothing_is_shown_of_files_that_are_hidden(project: Path) -> None:
    environment = LocalEnvironment(project, hidden=lambda path: path.name == "money.py")
    made = await environment.syntax.map(tokens=500)
    assert "money.py" not in {Path(file.path).name for file in made.ranked}
    assert "add_up(items)" not in made.text
    assert await environment.syntax.symbols("add_up") == []


async def test_a_focus_may_be_dotted_or_the_whole_place(project: Path) -> None:
    syntax = LocalEnvironment(project).syntax
    assert (await syntax.map(tokens=500, focus=["shop.lonely.nobody"])).ranked[0].path == "shop/lonely.py"
    whole = await syntax.map(tokens=500, focus=["."])
    assert (whole.unknown, whole.text) == ([], (await syntax.map(tokens=500)).text)
