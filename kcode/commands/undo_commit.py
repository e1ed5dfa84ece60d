"""/undo-commit."""

from kcode.commands._repository import asked, git, has_commits
from kcode.screen.names import escape_name
from kcode.types.command import Command, CommandContext, CommandResult
from kcode.types.errors import ToolError

_BUSY = {
    "rebase-merge": "A rebase",
    "rebase-apply": "A rebase",
    "MERGE_HEAD": "A merge",
    "CHERRY_PICK_HEAD": "A cherry-pick",
    "REVERT_HEAD": "A revert",
}


async def run(context: CommandContext, arguments: str) -> CommandResult:
    """Take the last commit back; its changes stay, staged."""
    if arguments.strip():
        return CommandResult("/undo-commit takes back the last commit only.", is_error=True)
    try:
        return CommandResult(await _undo(context))
    except ToolError as error:
        return CommandResult(str(error), is_error=True)


async def _undo(context: CommandContext) -> str:
    await git(context, "rev-parse", "--show-toplevel")
    if not await has_commits(context):
        raise ToolError("There is no commit yet.")
    for name, what in _BUSY.items():
        place = await asked(context, "rev-parse", "--git-path", name)
        if place and (context.environment.root / place).exists():
            raise ToolError(f"{what} is under way. Finish it or end it first.")
    commit, _, rest = (await git(context, "log", "-1", "--format=%H%x00%P%x00%s")).strip().partition("\0")
    parents, _, subject = rest.partition("\0")
    if " " in parents:
        raise ToolError(
            "The last commit is a merge; taking it back would mix up what was merged. Use `git reset`."
        )
    if shared := await asked(context, "branch", "--remotes", "--contains", commit):
        where = shared.split()[0]
        raise ToolError(
            f"The last commit has been pushed ({escape_name(where)}), others may have it. `git revert` makes a commit "
            "that takes it back."
        )
    if parents:
        await git(context, "reset", "--soft", parents)
    else:
        await git(context, "update-ref", "-d", "HEAD", commit)
    return (
        f"Taken back: {commit[:10]} {escape_name(subject)}\n\nIts changes are still there, staged. "
        f"`git reset --soft {commit[:10]}` brings the commit back."
    )


COMMAND = Command(
    name="undo-commit",
    description="takes the last commit back, if it was not pushed; its changes stay, staged",
    run=run,
)
