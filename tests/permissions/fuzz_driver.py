"""Runs scripts inside of the sandbox: each in a shell and a folder of its own, with a marker of its own.

Reads a JSON list of command lines on stdin, each a list of words, and prints a JSON list: what each of them ran, which
is "named" for the marker by its name, "file" for one that only a file on disk leads to, or "". A program of the
tests, started by `fuzz_arena` with no more than Python's standard library.
"""

import contextlib
import json
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path("/tmp/fuzz")
SECONDS = 10.0
BUSY_SECONDS = 1
"""A loop uses up processor time, which a busy machine does not stretch; only what sleeps is ended by the clock."""
FOLDERS = "/usr/local/bin:/usr/bin:/bin"
REAL = [
    "awk",
    "basename",
    "bash",
    "cat",
    "cmp",
    "cut",
    "date",
    "diff",
    "dirname",
    "du",
    "egrep",
    "env",
    "file",
    "find",
    "git",
    "grep",
    "head",
    "ls",
    "nice",
    "nl",
    "nohup",
    "readlink",
    "rev",
    "rg",
    "sed",
    "seq",
    "setsid",
    "sh",
    "sleep",
    "sort",
    "stat",
    "stdbuf",
    "tac",
    "tail",
    "tar",
    "tee",
    "timeout",
    "touch",
    "tr",
    "uniq",
    "wc",
    "xargs",
]
NAMED_LIKE_OPTIONS = {
    "o": ("+", "-a", "-v", "a[$(hidden)]"),
    "p": ("-e1e hidden", "-e1e hidden;#.py", "a.py"),
    "s": ("--compress-program=hidden", "-S1b"),
    "x": ("-exec", "0hidden", ";"),
    "t": ("--checkpoint=1", "--checkpoint-action=exec=hidden", "a"),
    "e": ("hidden",),
}
ORDERS = {
    "a": "a\nx b;c\n",
    "b": "b\n",
    "list": "hidden\n",
    "run": "#!/bin/sh\nhidden\n",
    "s.sed": "1e hidden\n",
    "more": "-exec hidden ;\n",
    "opts": "--compress-program=hidden\n",
    "sedopts": "-e\n'1e hidden'\na\n",
    "gitopts": "-c alias.x=!hidden x\n",
    "awkopts": "'BEGIN{system(\"hidden\")}'\n",
    "tarlist": "--checkpoint=1\n--checkpoint-action=exec=hidden\na\n",
    "gitconf": "[alias]\nx = !hidden\n",
    "attrs": "* filter=x diff=x merge=x\n",
    "prog.awk": 'BEGIN { system("hidden") }\n',
}
IF_SUCCESSFUL = re.compile(r"&&|\b(?:if|while|until)\b")
GIT_CONFIG = "[user]\nname = x\nemail = x@x\n"


def main() -> None:
    """Run all and print which ran the marker."""
    commands: list[list[str]] = json.load(sys.stdin)
    TOP.mkdir()
    _programs()
    _template()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(_run, range(len(commands)), commands))
    _outlast_stragglers()
    print(json.dumps([_ran(TOP / str(number)) for number in range(len(commands))]))


def _outlast_stragglers() -> None:
    """Give what scripts left in the background time to end; only the sandbox's first process and this one stay."""
    for _ in range(30):
        time.sleep(0.1)
        others = [
            p for p in Path("/proc").iterdir() if p.name.isdecimal() and int(p.name) not in {1, os.getpid()}
        ]
        if not others:
            return


def _ran(home: Path) -> str:
    return "named" if (home / "named").exists() else "file" if (home / "file").exists() else ""


def _programs() -> None:
    """The real programs, and a set in which everything succeeds at once, so that what follows it runs too."""
    real, easy = TOP / "real", TOP / "easy"
    for folder in (real, easy):
        folder.mkdir()
        for name in ("bash", "sh"):
            (folder / name).symlink_to(shutil.which(name, path=FOLDERS) or f"/bin/{name}")
        for name in ("jq", "npm"):
            (folder / name).symlink_to("/bin/true")
    for name in REAL:
        path = shutil.which(name, path=FOLDERS)
        if path and name not in {"bash", "sh"}:
            (real / name).symlink_to(path)
        if name not in {"bash", "sh"}:
            (easy / name).symlink_to("/bin/true")
    for name in ("env", "nice", "nohup", "setsid", "stdbuf", "timeout", "xargs"):
        (easy / name).unlink()
        skipped = "-*|[0-9]*|*=*" if name == "env" else "-*|[0-9]*"
        _program(
            easy / name, f'while [ $# -gt 0 ]; do case $1 in {skipped}) shift;; *) exec "$@";; esac; done\n'
        )


def _program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
    path.chmod(0o755)


def _template() -> None:
    """What each script finds in its folder, and a repository for those that speak of git."""
    big = "".join(f"{number * 7919 % 100_003}\n" for number in range(60_000))
    (TOP / "big").write_text(big, encoding="utf-8")
    repository = TOP / "repository"
    repository.mkdir()
    environment = {"PATH": FOLDERS, "HOME": str(repository)}
    (repository / ".gitconfig").write_text(GIT_CONFIG, encoding="utf-8")
    (repository / "a").write_text("x\n", encoding="utf-8")
    made = "git init -q --template= . && git add a && git commit -qm 1 && git commit -qm 2 --allow-empty"
    subprocess.run(["sh", "-c", made], cwd=repository, env=environment, check=False, capture_output=True)


def _folder(number: int, text: str) -> Path:
    """A script's own folder, with what its text could be about."""
    home = TOP / str(number)
    work = home / "w"
    (home / "bin").mkdir(parents=True)
    if "git" in text:
        shutil.copytree(TOP / "repository", work)
    (work / "d").mkdir(parents=True)
    for name, content in ORDERS.items():
        (work / name).write_text(content, encoding="utf-8")
    (work / "run").chmod(0o755)
    for name in ("bin/evil", "w/evil"):
        _program(home / name, f": > {home}/named\n")
    for place, names in {"bin": ("hidden", "0hidden"), **_wanted(text)}.items():
        folder = home / place
        folder.mkdir(exist_ok=True)
        for name in names:
            _program(folder / name, f": > {home}/file\n")
    if "sort" in text:
        os.link(TOP / "big", work / "big")
        if (work / "s").exists():
            os.link(TOP / "big", work / "s" / "big")
    return home


def _wanted(text: str) -> dict[str, tuple[str, ...]]:
    """The further folders that a text speaks of, with programs that mark."""
    wanted = {f"w/{folder}": files for folder, files in NAMED_LIKE_OPTIONS.items() if f"cd {folder}" in text}
    more = {"fake": ("ls", "cat", "echo"), "hooks": ("pre-commit", "post-index-change")}
    return wanted | {f"w/{folder}": files for folder, files in more.items() if folder in text}


def _run(number: int, command: list[str]) -> None:
    try:
        home = _folder(number, command[-1])
        for programs in ("real", "easy"):
            _start(command, home, programs)
            if _ran(home) or not IF_SUCCESSFUL.search(command[-1]):
                return
    except OSError as error:
        print(number, error, file=sys.stderr)


def _start(command: list[str], home: Path, programs: str) -> None:
    environment = {
        "PATH": f"{home}/bin:{TOP}/{programs}",
        "HOME": f"{home}/w",
        "LANG": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        "TMPDIR": str(home),
    }
    child = subprocess.Popen(
        command,
        cwd=home / "w",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(child.pid, resource.RLIMIT_CPU, (BUSY_SECONDS, BUSY_SECONDS))
    waiting = select.poll()
    handle = os.pidfd_open(child.pid)
    waiting.register(handle, select.POLLIN)
    ended = waiting.poll(SECONDS * 1000)
    os.close(handle)
    if not ended:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


if __name__ == "__main__":
    main()
