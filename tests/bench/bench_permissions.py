"""Processor time of one verdict on a shell command: run `python tests/bench/bench_permissions.py`."""

import os
import statistics
import time
from pathlib import Path

from kcode.permissions.paths import Workspace
from kcode.permissions.policy import decide
from kcode.permissions.rules import parse_rules
from kcode.types.tool import CommandNeed

COMMANDS = {
    "plain": "git status --short",
    "pipe": "grep -rn 'TODO(' src | head -20",
    "chain": "cd src && ls -la && cat README.md | wc -l; echo done",
    "compound": "if git diff --quiet; then echo clean; else git diff --stat; fi",
    "here-document": "cat <<'EOF' | grep x\n" + "some text of a line\n" * 40 + "EOF",
    "asks, with offers": "npm install && npm run build && pytest -q",
    "substitution": 'echo "$(git log -1 --format=%s)" `date`',
    "thirty parts": "; ".join(["ls -la src"] * 30),
    "thirty different": " && ".join(f"grep -n 'name{n}' src/file{n}.py | head -{n}" for n in range(1, 16)),
    "thirty that ask": "; ".join(f"npm run task{n}" for n in range(30)),
}
ROUNDS = 300


def main() -> None:
    """Print the median and the 99th percentile in microseconds for each kind of command."""
    rules = parse_rules(
        allow=[
            f"Bash({r}:*)"
            for r in ("git status", "git diff", "git log", "ls", "grep", "cat", "pytest", "make")
        ],
        ask=["Bash(git commit:*)"],
        deny=["Bash(rm:*)", "Bash(git push:*)", "Bash(curl:*)"],
    )
    workspace = Workspace(os.getcwd(), str(Path.home()))  # noqa: PTH109 - a plain text is wanted
    for name, command in COMMANDS.items():
        need = CommandNeed(command, Path(workspace.root))
        taken: list[float] = []
        for _ in range(ROUNDS):
            start = time.process_time()
            decide(need, "default", rules, workspace)
            taken.append((time.process_time() - start) * 1e6)
        decision = decide(need, "default", rules, workspace).decision
        slow = statistics.quantiles(taken, n=100)[98]
        print(f"{name:20} {decision:6} median {statistics.median(taken):7.0f} us   p99 {slow:7.0f} us")


if __name__ == "__main__":
    main()
