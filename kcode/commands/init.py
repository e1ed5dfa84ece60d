"""/init."""

from kcode.types.command import Command, CommandContext, CommandResult

PROMPT = """\
Write an AGENTS.md for this repository: what a coding agent must know to work here, and cannot guess. Look first: the \
README, the build and CI files, the settings of linters and tests, a few source files of each part{existing}. Then \
write, in at most 80 lines:
1. the commands for building, linting and testing, also for a single test, exactly as they are run here;
2. how the code is laid out, and which part may use which;
3. conventions that differ from what is usual in this language;
4. what must not be touched or done.
Only what you saw in files; run the commands that are quick, to be sure that they work. No general advice."""
EXISTING = "; AGENTS.md is there already: keep what is right in it, and improve the rest"


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Let the model write an AGENTS.md."""
    exists = (context.environment.root / "AGENTS.md").is_file()
    prompt = PROMPT.format(existing=EXISTING if exists else "")
    if arguments.strip():
        prompt += f"\nThe user adds: {arguments.strip()}"
    return CommandResult(prompt=prompt)


COMMAND = Command(
    name="init",
    description="lets the model write an AGENTS.md for this repository",
    run=run,
    hint="[what matters to you]",
)
