"""The command line: parse, then import the one front end that is asked for.

Importing this module, `--version` and `--help` load nothing but argparse.
"""

import argparse
import gc
import os
import signal
import sys
from typing import NoReturn

from kcode import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from kcode.config.options import Options

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
USAGE = 2
"""Exit status for a command line or settings that cannot be used."""
GARBAGE = (20_000, 10, 10)
"""How many new objects are looked through for cycles at once; Python's own 700 suits small programs."""
MODES = ("default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions")
SUBCOMMANDS = {
    "acp": "serve an editor over the Agent Client Protocol on stdin and stdout",
    "config": "print the settings in force and where each comes from",
    "demo": "show the whole job on a small repository, without a key",
    "doctor": "check this machine, the settings and the endpoint",
    "permissions": "explain what the permission rules make of a command: permissions check -- CMD",
}
HELP = f"""\
kcode {__version__}: a terminal coding agent for Kimi models and any OpenAI-compatible server.

  kcode                      start a session in this folder
  kcode "fix the tests"      start a session with a first prompt
  kcode -p "question"        answer once and exit; stdin is appended to the prompt
  kcode -c                   go on with the latest session of this folder
"""


WINDOWS = (
    "native Windows is not supported: commands need a POSIX shell and its process groups. Only --version and "
    "--help work here. Run kcode in WSL: wsl --install, then install it there."
)


class UsageError(Exception):
    """The command line cannot be used; the text says why."""


class Parser(argparse.ArgumentParser):
    """Raises instead of exiting, and names the nearest flag."""

    def error(self, message: str) -> NoReturn:
        """Turn argparse's complaint into ours."""
        raise UsageError(message)


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run kcode and return the exit status; without `argv`, as the whole of this process."""
    if argv is not None:
        return _main(list(argv))
    _fill_streams()
    sys.excepthook = _crashed
    # Loading makes a few hundred thousand objects that stay: looking through them for garbage again and again
    # takes a tenth of a short run, and another tenth at the exit, where nothing is worth finding any more.
    gc.set_threshold(*GARBAGE)
    # Ctrl-C in the middle of an import becomes whatever the module makes of it: until a front end runs, it just ends.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return _main(sys.argv[1:])
    except KeyboardInterrupt:
        # Front ends that work for long end in good order themselves; this is Ctrl-C while starting or checking.
        return INTERRUPTED
    finally:
        gc.freeze()


def _crashed(kind: "type[BaseException]", error: BaseException, trace: "TracebackType | None") -> None:
    from kcode.app.faults import crashed  # noqa: PLC0415 - only a crash pays

    crashed(kind, error, trace)


def _fill_streams() -> None:
    """Put /dev/null where a standard stream is closed: else the next file that is opened would take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", errors="replace"))  # noqa: PTH123, SIM115 - a descriptor, for as long as the program runs


def _main(arguments: "list[str]") -> int:
    if arguments and arguments[0] in {"--version", "-v", "-V"}:
        print(f"{__version__} (kcode)")  # noqa: T201 - the output
        return 0
    if arguments and arguments[0] in {"--help", "-h"}:
        _parser().print_help()
        return 0
    try:
        cwd = _working_folder()
        if arguments and arguments[0] in SUBCOMMANDS:
            return _subcommand(arguments[0], arguments[1:], cwd)
        return _run(arguments, cwd)
    except UsageError as error:
        from kcode.screen.printing import complain  # noqa: PLC0415 - only a mistake pays

        complain(f"kcode: {error}\nSee `kcode --help`.")
        return USAGE
    except BrokenPipeError:
        # Whoever read our output has gone (`| head -1`). Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: "list[str]", cwd: "Path") -> int:
    parser = _parser()
    try:
        flags, rest = parser.parse_known_args(arguments)
    except UsageError as error:
        raise UsageError(_with_hint(str(error), arguments, parser)) from None
    unknown = [a for a in rest if a.startswith("-") and a != "--"]
    if unknown:
        raise UsageError(_with_hint(f"unknown flag {unknown[0]}", unknown, parser))
    words = [a for a in [*([flags.first] if flags.first else []), *rest] if a != "--"]
    if len(words) == 1 and not flags.print and _looks_like_command(words[0]):
        near = _nearest(words[0], list(SUBCOMMANDS))
        raise UsageError(f"unknown command {words[0]!r}. Did you mean `kcode {near}`?")
    options = _options(flags, " ".join(words), cwd)
    if flags.worktree is not None:
        from kcode.frontends import worktree  # noqa: PLC0415 - only who asks for one pays

        _loaded()
        return worktree.run(options, flags.worktree, _start)
    return _start(options)


def _start(options: "Options") -> int:
    if options.input_format == "stream-json":
        from kcode.frontends import stream_json  # noqa: PLC0415 - only the front end in use is loaded

        _loaded()
        return stream_json.run(options)
    if not options.interactive or options.event_log:
        from kcode.frontends import oneshot  # noqa: PLC0415 - only the front end in use is loaded

        _loaded()
        return oneshot.run(options)
    from kcode.frontends.repl import main as repl  # noqa: PLC0415 - as above

    _loaded()
    return repl.run(options)


def _loaded() -> None:
    """Let Ctrl-C raise again, for the front end to end in good order."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _subcommand(name: str, arguments: "list[str]", cwd: "Path") -> int:
    """Hand over to the front end of a sub-command; each parses its own flags with `parser`."""
    import importlib  # noqa: PLC0415 - 1 ms that only sub-commands pay

    from kcode.config.options import Options  # noqa: PLC0415 - as above

    module = importlib.import_module(f"kcode.frontends.{name}")
    run: Callable[[Options, list[str]], int] = module.run
    _loaded()
    return run(Options(cwd=cwd), arguments)


def _working_folder() -> "Path":
    if sys.platform == "win32":
        raise UsageError(WINDOWS)
    from pathlib import Path  # noqa: PLC0415 - --version needs no paths

    try:
        return Path.cwd().resolve()
    except OSError:
        raise UsageError(
            "the working folder no longer exists. Change to another one and start again."
        ) from None


def _parser() -> Parser:
    parser = Parser(
        prog="kcode",
        usage="kcode [flags] [prompt]",
        description=HELP,
        epilog="commands:\n" + "\n".join(f"  kcode {n:<12} {text}" for n, text in SUBCOMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("first", nargs="?", metavar="prompt", help="what to do; with -p, the whole prompt")
    add("-v", "--version", action="version", version=f"{__version__} (kcode)", help="print the version")
    add("-p", "--print", action="store_true", help="answer once, print the result and exit")
    add("--output-format", choices=("text", "json", "stream-json"), default="text", help="with -p")
    add("--input-format", choices=("text", "stream-json"), default="text", help="with -p")
    add("--include-partial-messages", action="store_true", help="with stream-json: pieces as they come")
    add("--permission-prompt-tool", choices=("stdio",), help="with stream-json input: the host is asked")
    add("--permission-prompts", choices=("host", "none"), help="the same: host asks it, none refuses")
    add("--replay-user-messages", action="store_true", help="with stream-json input: echo them")
    add("--json", action="store_true", help="print kcode's own event log as it happens, a line each")
    add("--verbose", action="store_true", help="show every step; with -p on stderr")
    add("--model", metavar="ID", help="the model, as the endpoint names it")
    add(
        "--fallback-model",
        metavar="NAME[,NAME]",
        help='asked where the model cannot be had: "model" of the same endpoint, or "vendor:model"',
    )
    add("--permission-mode", choices=MODES, help="who is asked before what")
    add("--dangerously-skip-permissions", action="store_true", help="the same as bypassPermissions")
    add(
        "--allowedTools",
        "--allowed-tools",
        nargs="+",
        action="extend",
        metavar="RULE",
        help='"Bash(git *)" Edit',
    )
    add("--disallowedTools", "--disallowed-tools", nargs="+", action="extend", metavar="RULE")
    add("--tools", nargs="+", action="extend", metavar="TOOL", help='offer only these, "" for none')
    add("--add-dir", nargs="+", action="extend", metavar="DIR", help="further folders to work in")
    add("--settings", metavar="FILE|JSON", help="settings for this run")
    add("--max-turns", type=int, metavar="N", help="end the turn after N steps")
    add(
        "--max-budget-usd",
        type=float,
        metavar="USD",
        help="end the turn when this much is spent; only where the price is known",
    )
    add(
        "--max-time",
        type=float,
        metavar="SECONDS",
        help="end the turn after this time, whatever it is doing; waiting for a person does not count",
    )
    add(
        "-c",
        "--continue",
        dest="continue_latest",
        action="store_true",
        help="the latest session of this folder",
    )
    add("-r", "--resume", nargs="?", const="", metavar="ID", help="a stored session; without ID, choose one")
    add("--fork-session", action="store_true", help="with -c or -r: go on in a copy")
    add("--session-id", metavar="UUID", help="the id of the new session")
    add("--no-session-persistence", action="store_true", help="store nothing of this session")
    add(
        "-w",
        "--worktree",
        nargs="?",
        const="",
        metavar="NAME",
        help="work in a second folder of this repository, on a branch of its own",
    )
    add("--trust", action="store_true", help="let the settings and instructions of this folder count")
    add("--system-prompt", metavar="TEXT", help="in place of kcode's own")
    add("--append-system-prompt", metavar="TEXT", help="after kcode's own")
    return parser


def _options(flags: argparse.Namespace, prompt: str, cwd: "Path") -> "Options":
    from pathlib import Path  # noqa: PLC0415 - --version needs no paths

    from kcode.config.options import Options  # noqa: PLC0415 - as above

    for name in ("max_turns", "max_budget_usd", "max_time"):
        if (value := getattr(flags, name)) is not None and not value > 0:
            raise UsageError(f"--{name.replace('_', '-')} must be greater than 0, not {value}")
    if flags.fork_session and flags.resume is None and not flags.continue_latest:
        raise UsageError(
            "--fork-session goes with --continue or --resume: it copies the session that they name"
        )
    folders = [Path(folder).expanduser() for folder in flags.add_dir or ()]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"--add-dir {folder}: no such folder")
    mode = "bypassPermissions" if flags.dangerously_skip_permissions else flags.permission_mode
    return Options(
        cwd=cwd,
        prompt=prompt,
        model=flags.model,
        fallback_models=_models(flags.fallback_model),
        permission_mode=mode,
        allowed_tools=_rules(flags.allowedTools, "--allowedTools"),
        disallowed_tools=_rules(flags.disallowedTools, "--disallowedTools"),
        tools=_names(flags.tools),
        add_dirs=tuple(folder.resolve() for folder in folders),
        settings=flags.settings,
        system_prompt=flags.system_prompt,
        append_system_prompt=flags.append_system_prompt,
        max_turns=flags.max_turns,
        max_budget_usd=flags.max_budget_usd,
        max_time=flags.max_time,
        continue_latest=flags.continue_latest,
        resume=flags.resume,
        fork=flags.fork_session,
        session_id=flags.session_id,
        persist=not flags.no_session_persistence,
        trust=flags.trust,
        verbose=flags.verbose,
        interactive=not flags.print,
        output_format=flags.output_format,
        input_format=flags.input_format,
        partial_messages=flags.include_partial_messages,
        event_log=flags.json,
        host_decides=flags.permission_prompt_tool == "stdio" or flags.permission_prompts == "host",
        replay_user_messages=flags.replay_user_messages,
    )


def _rules(given: "list[str] | None", flag: str) -> "tuple[str, ...]":
    """Take apart lists of rules: by commas and blanks, but not within brackets."""
    rules: list[str] = []
    for text in given or ():
        depth, start = 0, 0
        for position, character in enumerate(f"{text} "):
            depth += (character == "(") - (character == ")")
            if character in ", \t\n" and depth <= 0:
                rules += [text[start:position]] if start < position else []
                start = position + 1
        rules += [text[start:]] if depth > 0 else []
    for rule in rules:
        if not (rule[0].isupper() or rule.startswith(("mcp__", "*"))):
            raise UsageError(
                f"{flag}: {rule!r} is no permission rule (Tool or Tool(...)). "
                "If it belongs to the prompt, put the prompt first, or after --."
            )
    return tuple(rules)


def _models(given: "str | None") -> "tuple[str, ...] | None":
    """Read a list of models with commas; an empty one stands for no fall-back at all."""
    if given is None:
        return None
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    for name in names:
        if name.startswith("-") or name.endswith(":") or any(c.isspace() for c in name):
            raise UsageError(
                f"--fallback-model: {name!r} is no model. Write NAME or VENDOR:NAME, with commas between."
            )
    return names


def _names(given: "list[str] | None") -> "tuple[str, ...] | None":
    """Read a list of tools: words, or one text with commas; "default" stands for no choice."""
    if given is None or given == ["default"]:
        return None
    names = tuple(name for text in given for name in text.replace(",", " ").split())
    for name in names:
        if not (name[0].isupper() or name.startswith("mcp__")):
            raise UsageError(
                f"--tools: there is no tool {name!r}. If it belongs to the prompt, put the prompt first, or after --."
            )
    return names


def _with_hint(message: str, arguments: "Sequence[str]", parser: Parser) -> str:
    known = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001 - no public way
    for argument in arguments:
        name = argument.split("=")[0]
        if name.startswith("--") and name not in known:
            near = _nearest(name, known)
            return f"unknown flag {name}" + (f". Did you mean {near}?" if near else "")
    return message


def _nearest(word: str, known: "Sequence[str]") -> str:
    import difflib  # noqa: PLC0415 - only a mistake needs it

    return next(iter(difflib.get_close_matches(word, known, 1, 0.7)), "")


def _looks_like_command(word: str) -> bool:
    """Whether a single word is a mistyped sub-command rather than a prompt."""
    return word.isalpha() and word not in SUBCOMMANDS and bool(_nearest(word, list(SUBCOMMANDS)))


if __name__ == "__main__":
    sys.exit(main())
