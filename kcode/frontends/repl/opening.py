"""How a conversation is opened where nobody says otherwise."""

from kcode.frontends.repl.conversation import Opener


def default_opener() -> Opener:
    """Return the composition root's own way."""
    from kcode.app.start import open_conversation  # noqa: PLC0415 - what needs a second must not delay the prompt

    return open_conversation
