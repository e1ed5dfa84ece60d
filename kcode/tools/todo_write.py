"""Replace the todo list."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from kcode import registry
from kcode.types.errors import ToolError
from kcode.types.events import Todo
from kcode.types.tool import (
    Access,
    Invocation,
    NamedNeed,
    PrepareContext,
    Tool,
    ToolContext,
    ToolOutput,
    text_output,
)

Status: TypeAlias = Literal["pending", "in_progress", "completed"]

_MEANT: Mapping[str, Status] = {
    "pending": "pending",
    "in_progress": "in_progress",
    "completed": "completed",
    "todo": "pending",
    "open": "pending",
    "not_started": "pending",
    "doing": "in_progress",
    "active": "in_progress",
    "started": "in_progress",
    "done": "completed",
    "complete": "completed",
    "finished": "completed",
    "cancelled": "completed",
}
_MARKS = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}


class Item(BaseModel):
    """One item of the list."""

    model_config = ConfigDict(populate_by_name=True)

    content: str = Field(min_length=1)
    status: str = Field("pending", description="pending | in_progress | completed")
    active_form: str = Field("", alias="activeForm", description="e.g. Running tests")

    @property
    def meant(self) -> Status:
        """The status, also where the model used another usual word for it."""
        word = self.status.strip().lower().replace("-", "_").replace(" ", "_")
        try:
            return _MEANT[word]
        except KeyError:
            raise ToolError(
                f"{self.status!r} is no status. Use pending, in_progress or completed. The list is unchanged."
            ) from None


class TodoWrite(BaseModel):
    """Arguments of TodoWrite."""

    todos: list[Item]


async def prepare(args: TodoWrite, context: PrepareContext) -> Invocation:
    """Count the items."""
    del context
    todos = tuple(Todo(content=i.content, status=i.meant, active_form=i.active_form) for i in args.todos)

    async def run(context: ToolContext) -> ToolOutput:
        del context
        return text_output(_text(todos), todos=todos)

    return Invocation(
        kind="think",
        title=f"Todos ({_count(todos)} done)" if todos else "Clear the todos",
        rule="TodoWrite",
        needs=(NamedNeed("TodoWrite", safe=True),),
        run=run,
        access=Access(),
        side_effects=False,
    )


def _count(todos: Sequence[Todo]) -> str:
    return f"{sum(todo.status == 'completed' for todo in todos)} of {len(todos)}"


def _text(todos: Sequence[Todo]) -> str:
    if not todos:
        return "The todo list is empty now."
    lines = [f"{_MARKS[todo.status]} {todo.content}" for todo in todos]
    active = sum(todo.status == "in_progress" for todo in todos)
    if active > 1:
        lines.append(f"[{active} items are in progress; keep to one at a time]")
    return "\n".join([f"{_count(todos)} done.", *lines])


TOOL = Tool(
    name="TodoWrite",
    description=registry.text("kcode.tools", "todo_write.md"),
    args=TodoWrite,
    prepare=prepare,
    order=80,
    summary=lambda arguments: "Todos",  # noqa: ARG005 - every summary takes the arguments
)
