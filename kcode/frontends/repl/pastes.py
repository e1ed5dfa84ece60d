"""Long pastes: the prompt shows a short stand-in, the model gets the whole text."""

import re

LINES = 4
"""A paste of more lines than this is folded."""
CHARACTERS = 800
"""So is one of more characters than this."""
_STAND_IN = re.compile(r"\[Pasted text #(\d+)(?: \+\d+ lines)?\]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Return pasted text with Unix line ends and without halves of characters, which no file can hold."""
    return _SURROGATE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


class Pastes:
    """What was pasted in this session, by number."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def fold(self, text: str) -> str:
        """Return what the prompt shows for a paste: the text itself, or a stand-in for a long one."""
        lines = text.count("\n")
        if lines < LINES and len(text) <= CHARACTERS:
            return text
        self._texts.append(text)
        number = len(self._texts)
        return f"[Pasted text #{number} +{lines} lines]" if lines else f"[Pasted text #{number}]"

    def unfold(self, shown: str) -> str:
        """Return a prompt with every stand-in replaced by what was pasted."""

        def whole(match: re.Match[str]) -> str:
            number = int(match.group(1))
            return self._texts[number - 1] if 0 < number <= len(self._texts) else match.group(0)

        return _STAND_IN.sub(whole, shown)

    def width_before(self, text: str) -> int:
        """Return how many characters a backspace at the end of `text` takes: a stand-in goes as a whole."""
        for match in _STAND_IN.finditer(text):
            if match.end() == len(text) and 0 < int(match.group(1)) <= len(self._texts):
                return len(match.group(0))
        return 1
