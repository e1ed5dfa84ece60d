"""Ask the user."""

from pydantic import BaseModel, ConfigDict, Field

from kcode import registry
from kcode.types.errors import ToolError
from kcode.types.questions import Option as Choice
from kcode.types.questions import Question as Asked
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

NOBODY = "Nobody can answer now. Go on with the most reasonable assumption, and say which one you made."


class Option(BaseModel):
    """One answer to choose."""

    label: str
    description: str = ""


class Question(BaseModel):
    """One question."""

    model_config = ConfigDict(populate_by_name=True)

    question: str
    options: list[Option] = Field(default=[])
    header: str = ""
    multiple: bool = Field(default=False, alias="multiSelect")


class AskUserQuestion(BaseModel):
    """Arguments of AskUserQuestion."""

    questions: list[Question]


async def prepare(args: AskUserQuestion, context: PrepareContext) -> Invocation:
    """Collect the questions."""
    del context
    asked = [
        Asked(q.question, [Choice(o.label, o.description) for o in q.options], q.header, q.multiple)
        for q in args.questions
        if q.question.strip()
    ]
    if not asked:
        raise ToolError("There is no question. Give at least one, with its text in question.")

    async def run(context: ToolContext) -> ToolOutput:
        lines: list[str] = []
        for question in asked:
            answer = await context.ask(question)
            if answer is None:
                return text_output("\n".join([*lines, NOBODY]))
            lines += (f"Question: {question.text}", f"Answer: {answer or '(left empty)'}")
        return text_output("\n".join(lines))

    return Invocation(
        kind="other",
        title=f"Ask: {asked[0].text}",
        rule="AskUserQuestion",
        needs=(NamedNeed("AskUserQuestion", safe=True),),
        run=run,
        # One dialog at a time, and nothing else goes on behind it.
        access=Access(everything=True),
        side_effects=False,
    )


TOOL = Tool(
    name="AskUserQuestion",
    description=registry.text("kcode.tools", "ask_user.md"),
    args=AskUserQuestion,
    prepare=prepare,
    order=95,
    summary=lambda arguments: "Ask the user",  # noqa: ARG005 - every summary takes the arguments
)
