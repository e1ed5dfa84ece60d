"""/review."""

from kcode.commands._repository import DIFF, diff_of_work, fenced, git, has_commits, listed, look
from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.errors import ToolError

_TASK = """\
Review {what}. Look for what goes wrong when it runs: mistakes in logic, cases that are not handled, broken \
promises to callers, data that can be lost, doors for attackers, tests that would not fail. Before you call something \
wrong, read the code around it and its callers. Do not change any file.

Answer with the findings, the worst first. For each: file and line, in which case it goes wrong and what then happens, \
and the smallest change that mends it. Leave out taste and what a formatter does. If there is nothing, say so."""


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Ask the model for a review of a range, or of what is not committed yet, or of the last commit."""
    wanted = arguments.split()
    if any(word.startswith("-") for word in wanted):
        return CommandResult("/review takes a range such as `main..HEAD`, a commit or files.", is_error=True)
    try:
        what, text, more = await (_range(context, wanted) if wanted else _latest(context))
    except ToolError as error:
        return CommandResult(str(error), is_error=True)
    if not text.strip() and not more:
        return CommandResult(f"There is nothing to review in {what}.", is_error=True)
    return CommandResult(prompt="\n\n".join(filter(None, (_TASK.format(what=what), more, _shown(text)))))


def _shown(text: str) -> str:
    note = "\nThe diff is cut; see the rest with Git, file by file." if len(text) > DIFF else ""
    return f"{fenced(text, 'diff')}{note}" if text.strip() else ""


async def _range(context: CommandContext, wanted: list[str]) -> tuple[str, str, str]:
    what = " ".join(wanted)
    if len(wanted) == 1 and ".." not in what and not (context.environment.root / what).exists():
        # One commit, as it was made.
        return f"the commit {what}", await git(context, "show", "--stat", "--patch", what), ""
    return f"the changes of {what}", await git(context, "diff", *wanted), ""


async def _latest(context: CommandContext) -> tuple[str, str, str]:
    changes = await look(context)
    if not changes.none:
        more = f"These files are new, read them: {listed(changes.new)}." if changes.new else ""
        return "the changes that are not committed yet", await diff_of_work(context), more
    if not await has_commits(context):
        return "this repository, which has no commits", "", ""
    return "the last commit", await git(context, "show", "--stat", "--patch", "HEAD"), ""


COMMAND = Command(
    name="review",
    description="asks the model to review what is not committed yet, a commit or a range",
    run=run,
    hint="[range]",
)
