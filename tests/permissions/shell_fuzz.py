"""Random shell scripts run by real bash against the verdict: a marker that runs in an allowed script is a hole.

The scripts are put together from fragments that can do no harm: they know no program but those in a stub folder, run in
an empty folder of their own, and write only there. The marker is a program named `evil`, for which no rule exists.
Run `python tests/permissions/shell_fuzz.py 20000 [SEED]` for a long search.
"""

import itertools
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kcode.permissions.paths import Workspace
from kcode.permissions.policy import decide
from kcode.permissions.rules import parse_rules
from kcode.types.tool import CommandNeed

STUBS = (
    "ls",
    "cat",
    "head",
    "grep",
    "sort",
    "wc",
    "find",
    "sed",
    "tail",
    "git",
    "npm",
    "xargs",
    "env",
    "timeout",
    "nice",
)
RULES = parse_rules(allow=["Bash(git log:*)", "Bash(npm test)", "Bash(ls:*)", "Bash(xargs:*)", "Bash(env:*)"])
AGAINST = parse_rules(deny=["Bash(evil:*)"])
COMMANDS = (
    "ls",
    "ls a",
    "cat a",
    "echo x",
    "grep x a",
    "head -3",
    "git log",
    "npm test",
    "true",
    ":",
    "pwd",
    "test -f a",
    "[ -f a ]",
    "cat",
    "sed -n 1p a",
    "printf x",
    "cd .",
    "evil",
    "evil x",
    "env evil",
    "nice evil",
    "timeout 1 evil",
    "command evil",
    "xargs evil",
    "bash -c evil",
    "eval evil",
    "exec evil",
    "\\evil",
    "'evil'",
    "ev''il",
    "e\\vil",
    "time evil",
    "time -p evil",
    "! evil",
    "X=evil",
    "$X",
    "LC_ALL=C evil",
    "A=1 evil",
    "coproc evil",
    "trap evil EXIT",
    "alias ls=evil",
    "f() { evil; }",
    "function ls { evil; }",
    "ls() { evil; }",
    "find . -exec evil ;",
    "sed 1e\\ evil a",
    "echo {evil,x}",
    "{evil,x}",
    "[[ -f a ]]",
    "[[ a < b ]]",
    "let 'a[$(evil)]'",
    "declare 'x=$(evil)'",
    "read x",
    "printf -v 'a[$(evil)]' x",
    "test -v 'a[$(evil)]'",
    "[[ -v 'a[$(evil)]' ]]",
    "((a))",
    "(( 'a[`evil`]' ))",
    "set -- evil; $1",
    "sort -S 1 a",
    "xargs",
    "env",
    "env A=1 ls",
    "for f in evil; do $f; done",
)
WRAPS = (
    "{}",
    "{}",
    "{}",
    "({})",
    "{{ {}; }}",
    "if {}; then ls; fi",
    "if ls; then {}; fi",
    "while {}; do break; done",
    "for f in a b; do {}; done",
    "until {}; do break; done",
    "echo $({})",
    'echo "$({})"',
    "echo `{}`",
    'echo "`{}`"',
    "cat <({})",
    "ls > >({})",
    "echo ${{x:-$({})}}",
    "echo ${{x:=`{}`}}",
    "echo \"${{x:-'$({})'}}\"",
    "echo '$({})'",
    "echo $(( $({}) ))",
    "echo $[ `{}` ]",
    "case a in a) {};; esac",
    "case a in b) ls;; *) {} ;; esac",
    "echo \\$({})",
    "cat <<E\n$({})\nE",
    "cat <<'E'\n$({})\nE",
    "cat <<-E\n\t`{}`\n\tE",
    "cat <<E\n{}\nE",
    "cat <<'E' | head -3\n{}\nE",
    'cat <<"E"\n{}\nE\nls',
    "cat <<E\\ F\n{}\nE F",
    "grep x <<< $({})",
    "grep x <<< '{}'",
    "x=({})",
    "x=$({}) ls",
    "# {}",
    "ls # {}",
    "ls #'\n{} #'",
    'echo "#"; {}',
    "echo '\n{}\n'",
    'echo "\n{}\n"',
    "echo $'\\'; {} #'",
    "echo \\\n{}",
    "ls \\\\\n{}",
    "ls a\\\n; {}",
    "echo 'a\\'; {}; echo '",
    'echo "a\\"; {}; "',
    "ls | {}",
    "{} | cat",
    "ls |& {}",
    "ls && {}",
    "ls || {}",
    "{} &",
    "ls; {}",
    "ls\n{}",
    "ls | grep x | head -3\n{} && ls",
    "select i in a; do {}; done",
    "for f in a # it's\ndo {}; done # '",
    "for ((i=0;i<1;i++)); do {}; done",
    "cat <<E; {}\nx\nE",
    "cat <<A <<B\n1\nA\n$({})\nB",
    "cat <<'E'\nx\nE;ls '\n{}\nE\n'",
    "cat <<E\n$\\\n({})\nE",
    "echo \"$(cat <<'E'\n{}\nE\n)\"",
    "ls {{a,b}}; {}",
    "ls [a; {} ]",
    'ls $"{}"',
    "echo $'{}'",
    'ls "${{x}}" $({})',
    '[ a = "`{}`" ]',
    "[[ a == $({}) ]]",
    "ls 2>&1; {}",
    "ls {{fd}}>&2; {}",
    "cat < a; {}",
    "ls 1>&2 {}",
    "ls >&2; {}",
    "ls <(true); {}",
    "ls &>/dev/null {}",
    "2>/dev/null {}",
    "</dev/null {}",
    "</dev/null if ls; then {}; fi",
    "A=1 if {}",
    "then {}",
    "do {}",
    "in {}",
    "ls =({})",
    "ls a({})",
    "ls !({})",
    "ls @(a|{})",
)
NOISE = (
    "",
    "",
    "",
    "",
    "\n",
    " ",
    "\t",
    ";",
    "\\",
    "\\\n",
    "'",
    '"',
    "`",
    "$",
    "#",
    "&",
    "|",
    "(",
    ")",
    "{",
    "}",
    "<",
    ">",
    "!",
    "\r",
)


def script(chance: random.Random) -> str:
    """A random script: a few commands in a few wrappings, with noise between."""
    pieces: list[str] = []
    for _ in range(chance.randint(1, 3)):
        piece = chance.choice(COMMANDS)
        for _ in range(chance.randint(0, 3)):
            wrap = chance.choice(WRAPS)
            piece = wrap.format(piece)
        pieces.append(piece)
    text = chance.choice(("; ", "\n", " && ", " | ", " ", "")).join(pieces)
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        place = chance.randrange(len(text) + 1)
        text = text[:place] + chance.choice(NOISE) + text[place:]
    return text


class Arena:
    """A folder with stub programs in which bash runs scripts."""

    def __init__(self, root: Path) -> None:
        """Makes the stubs below `root`."""
        self.work = root / "work"
        self.bin = root / "bin"
        self.marker = root / "marker"
        self.bin.mkdir(parents=True)
        bash = shutil.which("bash") or "/bin/bash"
        for name in STUBS:
            self._program(name, f"#!{bash}\nexit 0\n")
        run_rest = 'while [ $# -gt 0 ]; do case $1 in -*|[0-9]*) shift;; *) exec "$@";; esac; done\n'
        for name in ("env", "nice", "timeout", "xargs"):
            if name == "timeout":
                self._program(name, f'#!{bash}\nshift\nexec "$@"\n')
                continue
            rest = run_rest.replace("-*", "-*|*=*") if name == "env" else run_rest
            self._program(name, f"#!{bash}\n{rest}")
        self._program("evil", f"#!{bash}\n: > '{self.marker}'\n")
        (self.bin / "bash").symlink_to(bash)
        self._bash = bash

    def _program(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def runs_marker(self, text: str) -> bool:
        """Whether bash runs the marker when it is given the script; twice, as an earlier one may still be at work."""
        return self._runs_marker(text) and self._runs_marker(text)

    def _runs_marker(self, text: str) -> bool:
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        (self.work / "a").write_text("a\n", encoding="utf-8")
        time.sleep(0.002)
        self.marker.unlink(missing_ok=True)
        environment = {"PATH": str(self.bin), "HOME": str(self.work)}
        try:
            subprocess.run(
                [self._bash, "-c", text],
                cwd=self.work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=3,
                check=False,
            )
        except (subprocess.TimeoutExpired, ValueError):
            return False
        if "&" in text:
            time.sleep(0.02)
        return self.marker.exists()

    def allowed(self, text: str) -> bool:
        """Whether the script would run without asking: by a few rules, or by all but one against the marker."""
        workspace = Workspace(str(self.work), str(self.work.parent / "home"))
        need = CommandNeed(text, self.work)
        return (
            decide(need, "default", RULES, workspace).decision == "allow"
            or decide(need, "bypassPermissions", AGAINST, workspace).decision == "allow"
        )


def holes(count: int, seed: int, root: Path) -> tuple[list[str], int]:
    """The scripts that would run unasked although they run the marker, and how many scripts ran it at all."""
    chance = random.Random(seed)
    arena = Arena(root)
    found: list[str] = []
    ran = 0
    for text in itertools.islice(iter(lambda: script(chance), None), count):
        if arena.allowed(text):
            if "evil" in text and arena.runs_marker(text):
                found.append(text)
        elif chance.random() < 0.02 and arena.runs_marker(text):
            ran += 1
    return found, ran


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    with tempfile.TemporaryDirectory() as folder:
        bad, seen = holes(wanted, int(sys.argv[2]) if len(sys.argv) > 2 else 1, Path(folder))
    print(f"{wanted} scripts, {len(bad)} holes; {seen} of a 2 % sample of the rest ran the marker")
    for each in bad[:20]:
        print(repr(each))
