"""What a model writes as a path becomes the file that it means, or a refusal that helps."""

import os
import re
from pathlib import Path

import pytest

from kcode.environment.paths import is_inside, locate, resolve_path
from kcode.types.errors import ToolError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = Path(os.path.realpath(tmp_path)) / "proj"
    for name in (
        "src/app.py",
        "src/pages/(group)/page.tsx",
        "README.md",
        "docs/my notes.md",
        "tests/test_app.py",
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return root


@pytest.mark.parametrize(
    "text", ["src/app.py", "./src/app.py", "src//app.py", "src/../src/app.py", "{root}/src/app.py"]
)
def test_a_right_path_is_taken_as_it_is(root: Path, text: str):
    found = resolve_path(text.format(root=root), root)
    assert found.path == root / "src/app.py"
    assert found.shown == "src/app.py"
    assert found.inside
    assert found.repair is None


@pytest.mark.parametrize(
    ("text", "kind", "meant"),
    [
        ('"src/app.py"', "quotes", "src/app.py"),
        ("`src/app.py`", "quotes", "src/app.py"),
        ("src/app.py \n", "blanks", "src/app.py"),
        ("  'src/app.py'", "blanks+quotes", "src/app.py"),
        ("file://{root}/docs/my%20notes.md", "file_url", "docs/my notes.md"),
        ("file://localhost{root}/src/app.py", "file_url", "src/app.py"),
        ("src\\app.py", "slashes", "src/app.py"),
        ("src\\pages\\(group)\\page.tsx", "slashes", "src/pages/(group)/page.tsx"),
        ("C:\\Users\\me\\proj\\src\\app.py", "slashes", "src/app.py"),
        ("docs/my\\ notes.md", "shell_quoting", "docs/my notes.md"),
        ("{root}{root}/src/app.py", "doubled_root", "src/app.py"),
        ("{root}/{bare}/src/app.py", "doubled_root", "src/app.py"),
        ("proj/src/app.py", "root", "src/app.py"),
        ("/home/somebody/proj/src/app.py", "root", "src/app.py"),
        ("/src/app.py", "root", "src/app.py"),
        ("a/src/app.py", "diff_prefix", "src/app.py"),
        ("b/src/app.py", "diff_prefix", "src/app.py"),
        ("@src/app.py", "mention", "src/app.py"),
        ("src/app.py:12", "line_suffix", "src/app.py"),
        ("src/app.py:12:5", "line_suffix", "src/app.py"),
        ("src/app.py#L3-L9", "line_suffix", "src/app.py"),
        ("SRC/App.py", "case", "src/app.py"),
        ("readme.md", "case", "README.md"),
        ("b/Src/app.py", "diff_prefix+case", "src/app.py"),
    ],
)
def test_a_misspelling_is_mended_and_recorded(root: Path, text: str, kind: str, meant: str):
    text = text.format(root=root, bare=str(root).lstrip("/"))
    found = resolve_path(text, root)
    assert found.path == root / meant
    assert found.repair is not None
    assert (found.repair.place, found.repair.kind) == ("meaning", kind)
    assert meant in found.repair.detail


def test_what_is_there_as_written_is_never_mended(root: Path):
    for name in ('"quoted"', "a/src/app.py", "back\\slash", "blank ", "x:12", "~", "SRC/app.py"):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("the odd one")
        found = resolve_path(name, root)
        assert found.path == file
        assert found.repair is None


def test_the_home_folder_is_understood(root: Path, monkeypatch: pytest.MonkeyPatch):
    home = root.parent / "home"
    home.mkdir()
    (home / "notes").write_text("")
    monkeypatch.setenv("HOME", str(home))
    found = resolve_path("~/notes", root)
    assert found.path == home / "notes"
    assert not found.inside
    assert (
        resolve_path("~nobody-of-that-name/x", root, must_exist=False).path == root / "~nobody-of-that-name/x"
    )


def test_a_missing_file_offers_the_three_nearest_names(root: Path):
    for name in ("src/apps.py", "lib/app.py", "src/zebra.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
    with pytest.raises(ToolError) as error:
        resolve_path("src/ap.py", root)
    text = str(error.value)
    assert "no src/ap.py" in text
    assert text.count(".py or ") == 2
    assert text.index("src/app.py") < text.index("lib/app.py")
    assert "zebra" not in text


def test_the_same_name_elsewhere_is_offered(root: Path):
    with pytest.raises(ToolError, match=r"Did you mean src/pages/\(group\)/page\.tsx"):
        resolve_path("components/page.tsx", root)


def test_nothing_near_says_how_to_look(root: Path):
    with pytest.raises(ToolError, match="Use Glob"):
        resolve_path("qqqq.xyz", root)


def test_a_file_is_no_folder(root: Path):
    with pytest.raises(ToolError, match=r"README\.md is a file, not a folder"):
        resolve_path("README.md/inner.txt", root)


def test_two_names_that_differ_in_case_are_not_guessed_between(root: Path):
    (root / "src/APP.py").write_text("")
    with pytest.raises(ToolError, match="Did you mean"):
        resolve_path("src/App.py", root)


@pytest.mark.parametrize("text", ["", "   ", "a\0b", "half\ud800", "x" * 5000])
def test_what_can_be_no_path_is_refused(root: Path, text: str):
    for must_exist in (True, False):
        with pytest.raises(ToolError):
            resolve_path(text, root, must_exist=must_exist)


@pytest.mark.parametrize(
    ("text", "meant", "kind"),
    [
        ("src/new.py", "src/new.py", ""),
        ("deep/er/new.py", "deep/er/new.py", ""),
        ("readme.MD", "readme.MD", ""),
        ("a/new.py", "a/new.py", ""),
        ("new:12", "new:12", ""),
        ("proj/new.py", "proj/new.py", ""),
        (" 'src/new.py'\n", "src/new.py", "blanks+quotes"),
        ("src\\new.py", "src/new.py", "slashes"),
        ("{root}{root}/new.py", "new.py", "doubled_root"),
        ("b/src/app.py", "src/app.py", "diff_prefix"),
    ],
)
def test_a_new_name_is_mended_only_where_it_can_be_no_name(root: Path, text: str, meant: str, kind: str):
    found = resolve_path(text.format(root=root), root, must_exist=False)
    assert found.path == root / meant
    assert (found.repair.kind if found.repair else "") == kind


@pytest.mark.parametrize(
    ("text", "meant"),
    [("/workspace/src/new.py", "src/new.py"), ("/made/up/README.md", "README.md")],
)
def test_a_root_that_is_made_up_is_refused_with_what_fits_the_working_folder(
    root: Path, text: str, meant: str
) -> None:
    with pytest.raises(ToolError, match=rf"There is no folder /\w+.*Did you mean {re.escape(meant)}\?"):
        resolve_path(text, root, must_exist=False)


def test_a_new_file_outside_is_no_mistake_where_its_folder_is_there_or_nothing_fits(root: Path) -> None:
    (root.parent / "src").mkdir()
    for text in (f"{root.parent}/src/app.py", "/workspace/other/new.py", f"{root}/not/yet/README.md"):
        resolve_path(text, root, must_exist=False)


def test_links_decide_what_is_inside(root: Path):
    outside = root.parent / "elsewhere"
    outside.mkdir()
    (outside / "secret").write_text("")
    (root / "link").symlink_to(outside)
    (root / "dangling").symlink_to(outside / "not yet")
    found = resolve_path("link/secret", root)
    assert found.path == root / "link/secret"
    assert found.real == outside / "secret"
    assert not found.inside
    assert not resolve_path("dangling", root).inside
    assert resolve_path("link/secret", root, [outside]).inside


def test_a_sibling_that_begins_like_the_root_is_outside(root: Path):
    sibling = root.parent / "proj-secret"
    assert not is_inside(sibling, [root])
    assert is_inside(root, [root])


def test_dot_dot_behind_a_link_goes_where_the_system_goes(root: Path):
    outside = root.parent / "out" / "deep"
    outside.mkdir(parents=True)
    (outside.parent / "x").write_text("")
    (root / "link").symlink_to(outside)
    assert locate("link/../x", root) == outside.parent / "x"


def test_a_circle_of_links_is_there_and_fails_when_used(root: Path):
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    assert resolve_path("one", root).path == root / "one"


def test_a_name_that_was_shown_escaped_leads_back_to_the_file(root: Path):
    odd = os.fsdecode(os.fsencode(root) + b"/\xff\xfe\nx.txt")
    Path(odd).write_text("")
    found = resolve_path("\\xff\\xfe\\nx.txt", root)
    assert found.path == Path(odd)
    assert found.shown == "\\xff\\xfe\\nx.txt"
