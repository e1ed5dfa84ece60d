from kcode.frontends.repl.forms import Answer, Form
from kcode.frontends.repl.questions import ask
from kcode.types.questions import Option, Question


class Dialog:
    """Takes the first choice, and keeps what was shown."""

    waiting = 0

    def __init__(self) -> None:
        self.forms: list[Form] = []

    async def ask(self, form: Form) -> Answer | None:
        self.forms.append(form)
        return Answer((0,))


async def test_only_an_open_question_takes_words_of_ones_own() -> None:
    dialog = Dialog()
    options = [Option("One"), Option("Two")]
    assert await ask(dialog, Question("Which?", options)) == "One"
    assert await ask(dialog, Question("Which?", options, closed=True)) == "One"
    labels = [[choice.label for choice in form.choices] for form in dialog.forms]
    assert labels == [["One", "Two", "Something else"], ["One", "Two"]]
