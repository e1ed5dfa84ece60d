"""Finding files and text with ripgrep."""

import asyncio
import contextlib
import os
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from kcode.environment.files import LocalFiles
from kcode.environment.found import Place, file_names, grep_lines, holds_secrets
from kcode.environment.globs import ignore_rules
from kcode.process.programs import find_program
from kcode.process.spawn import Finished, run
from kcode.screen.names import escape_name
from kcode.types.environment import Found, GrepQuery
from kcode.types.errors import ToolError

SECONDS = 10.0
LIMIT = 8_000_000
"""Bytes of ripgrep's output that are looked at."""
COLUMNS = 500
"""Bytes of a line that are shown; the rest is said to be left out."""

# What is ignored counts without a repository too; a person's own configuration could name programs to run.
_COMMON = ("--no-config", "--color=never", "--hidden", "--no-require-git", "--no-messages", "--glob=!.git")


def find_ripgrep(places: Sequence[Path], cwd: Path, path: str | None = None) -> str | None:
    """Return the ripgrep that came with kcode, else the one on PATH outside of the project; None if there is none."""
    name = "rg.exe" if os.name == "nt" else "rg"
    for place in places:
        if os.access(place / name, os.X_OK):
            return str(place / name)
    return find_program(name, os.environ.get("PATH", os.defpath) if path is None else path, cwd)


def _own_places() -> Sequence[Path]:
    return (Path(sys.executable).parent, Path(sysconfig.get_path("scripts")))


class LocalSearch:
    """Search with ripgrep, see `kcode.types.environment.Search`.

    Every search ends after `seconds` with what was found so far. Names are shown relative to `root`. Searching the
    text of a folder shows nothing of files of which `hidden` says so.
    """

    def __init__(
        self,
        root: Path,
        *,
        seconds: float = SECONDS,
        limit: int = LIMIT,
        hidden: Callable[[Path], bool] = holds_secrets,
        find: Callable[[], str | None] | None = None,
    ) -> None:
        self._root = root
        self._files = LocalFiles()
        self._seconds = seconds
        self._limit = limit
        self._hidden = hidden
        self._find = find or (lambda: find_ripgrep(_own_places(), root))

    async def grep(self, query: GrepQuery) -> Found:
        """Search text; raises ToolError for a bad pattern."""
        _refuse_unsearchable(query.pattern + query.glob + query.type)
        folder = await self._folder(query.path)
        options = [*_grep_options(query), f"--regexp={query.pattern}"]
        done = await self._run(options, query.path, folder, query.glob)
        self._check(done)
        # Whoever names a file has asked for leave to read it; a search of a folder has not, for each file in it.
        place = Place(folder, query.glob, self._root, self._hidden if folder == query.path else None)
        lines = await _sort_out(done, lambda: grep_lines(done.stdout, query, place))
        return Found(lines, "; ".join(filter(None, (self._partial(done), _withheld(place)))))

    async def glob(self, pattern: str, path: Path) -> Found:
        """List files whose path relative to `path` matches, the newest first."""
        _refuse_unsearchable(pattern)
        with contextlib.suppress(OSError):
            if (await self._files.stat(path / pattern)).kind == "directory":
                pattern = f"{pattern.rstrip('/')}/**"
        folder = await self._folder(path)
        done = await self._run(["--files", "--null"], path, folder, pattern)
        self._check(done)
        lines = await _sort_out(done, lambda: file_names(done.stdout, Place(folder, pattern, self._root)))
        return Found(lines, self._partial(done))

    async def names(self, suffixes: Sequence[str]) -> tuple[Sequence[str], str]:
        """List files below the root by the ends of their names, and say why they may not be all.

        Left out are ignored files and names that are no UTF-8.
        """
        kind = "*{" + ",".join(suffixes) + "}"
        options = ["--files", "--null", f"--type-add=wanted:{kind}", "--type=wanted"]
        done = await self._run(options, self._root, self._root, "")
        self._check(done)
        names = done.stdout.decode("utf-8", "replace").split("\0")[:-1]
        return [name[2:] for name in names if "\ufffd" not in name], self._partial(done)

    async def _folder(self, path: Path) -> Path:
        """Return the folder that patterns are relative to: the one searched, or the one of the file searched."""
        return path if (await self._files.stat(path)).kind == "directory" else path.parent

    async def _run(self, options: Sequence[str], path: Path, folder: Path, glob: str) -> Finished:
        # An ignore file counts from where ripgrep runs, and only for paths that are named from there.
        place = "./" if folder == path else f"./{path.name}"
        try:
            with _rules(glob) as chosen:
                argv = [self._program, *_COMMON, *options, *chosen, "--", place]
                return await run(argv, cwd=folder, seconds=self._seconds, limit=self._limit)
        except (OSError, ValueError) as error:
            raise ToolError(f"The search could not be started: {error}.") from error

    @cached_property
    def _program(self) -> str:
        program = self._find()
        if program is None:
            raise ToolError(
                "Searching needs ripgrep (rg), which is not installed here: `pip install ripgrep` or the system's "
                "package manager brings it. Until then use Bash with grep or find."
            )
        return program

    def _check(self, done: Finished) -> None:
        """Raise for a search that could not begin: ripgrep says 2 for that, but also for a file it may not read."""
        if done.timed_out or done.cut or done.status in {0, 1} or done.stdout:
            return
        words = escape_lines(done.stderr.decode(errors="replace"))
        if "regex" in words:
            raise ToolError(_bad_pattern(words))
        if "unrecognized file type" in words:
            raise ToolError(
                f"{words.partition(':')[2].strip() or words}. Name its extension with glob instead: *.ext"
            )
        if words:
            raise ToolError(f"The search failed: {words}")

    def _partial(self, done: Finished) -> str:
        if done.timed_out:
            return f"the search was ended after {self._seconds:g} s; narrow it with path or glob"
        if done.cut:
            return "there is more than can be taken in; narrow it with path or glob, or a closer pattern"
        return ""


@contextlib.contextmanager
def _rules(glob: str) -> Generator[Sequence[str], None, None]:
    if not glob:
        yield ()
        return
    with tempfile.NamedTemporaryFile(
        "w", prefix="kcode-", suffix=".ignore", errors="surrogateescape"
    ) as file:
        file.write(ignore_rules(glob))
        file.flush()
        yield ("--ignore-file", file.name)


def _withheld(place: Place) -> str:
    if not place.withheld:
        return ""
    names = ", ".join(place.withheld[:5]) + (", ..." if len(place.withheld) > 5 else "")
    return f"matches in {names} are not shown, such files may only be read by name"


def _refuse_unsearchable(text: str) -> None:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ToolError("The pattern holds half of a character. Write the character as a whole.") from None
    if "\0" in text:
        raise ToolError("The pattern holds a NUL character, which no text file or name has.")


def escape_lines(text: str) -> str:
    """Make what a program says safe to show, keeping its lines."""
    return "\n".join(escape_name(line) for line in text.strip().splitlines())


def _bad_pattern(words: str) -> str:
    advice = "Escape characters that are meant literally: \\( \\[ \\{ \\. \\* \\+ \\?"
    if "look-around" in words or "backreferences" in words:
        advice = (
            "Look-around and back-references do not exist here; search for more and pick from the result."
        )
    elif "multiline" in words or "\\n" in words:
        advice = "To match across lines set multiline to true."
    return f"The pattern is no valid regular expression (ripgrep's, as in Rust). {advice}\n{words}"


def _grep_options(query: GrepQuery) -> Iterator[str]:
    modes: Mapping[str, Sequence[str]] = {
        "files_with_matches": ("--files-with-matches", "--null"),
        "count": ("--count-matches", "--with-filename", "--null"),
        "content": (
            *(
                "--no-heading",
                "--with-filename",
                "--null",
                f"--max-columns={COLUMNS}",
                "--max-columns-preview",
            ),
            f"--before-context={query.before}",
            f"--after-context={query.after}",
            "--line-number" if query.line_numbers else "--no-line-number",
        ),
    }
    yield from modes[query.mode]
    if query.ignore_case:
        yield "--ignore-case"
    if query.multiline:
        yield from ("--multiline", "--multiline-dotall")
    if query.type:
        yield f"--type={query.type}"


async def _sort_out(done: Finished, work: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Read a result; a large one in a thread, since asking a hundred thousand files for their time takes long."""
    return work() if len(done.stdout) < 200_000 else await asyncio.to_thread(work)
