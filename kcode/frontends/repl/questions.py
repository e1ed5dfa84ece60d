"""Questions that the agent or a command asks."""

from kcode.frontends.repl.forms import Asker, Choice, Form
from kcode.frontends.repl.render.canvas import one_line, safe
from kcode.types.questions import Question

OWN = "Something else"


async def ask(dialog: Asker, question: Question) -> str | None:
    """Show a question; returns the words of the answer, None if it was dismissed."""
    text = safe(question.text).strip()
    first, _, rest = text.partition("\n")
    title = f"{one_line(question.header, 60)}: {first}" if question.header else first
    if not question.options:
        answer = await dialog.ask(Form(title=title, body=rest, line="Your answer:"))
        return answer.words if answer else None
    choices = [Choice(one_line(o.label), one_line(o.description, 100)) for o in question.options]
    if not question.closed:
        choices.append(Choice(OWN, words="In your words:"))
    form = Form(title=title, choices=tuple(choices), body=rest, multiple=question.multiple)
    answer = await dialog.ask(form)
    if answer is None:
        return None
    labels = [question.options[i].label for i in answer.picks if i < len(question.options)]
    return ", ".join([*labels, *([answer.words] if answer.words else [])]) or None
