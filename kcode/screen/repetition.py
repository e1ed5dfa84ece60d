"""Finding text that repeats itself without end, while it is being written."""

_LOOK = 1_000
"""Characters between two looks: one look costs some microseconds."""
_SPAN = 16_000
"""Characters that are looked back at."""
_PIECE = 100
"""Characters of the end that is looked for before it, about twenty tokens of prose."""
_TIMES = 9
"""How often a unit has to follow itself."""
_LEAST = 2_000
"""Characters that a repetition of a short unit has to fill: rulers and padding are shorter."""
_CANDIDATES = 24


class RepetitionWatch:
    """Reads one text as it comes."""

    def __init__(self) -> None:
        self._tail = ""
        self._new: list[str] = []
        self._length = 0

    def feed(self, text: str) -> bool:
        """Take in a piece; True once the text does nothing but repeat itself to the letter."""
        self._new.append(text)
        self._length += len(text)
        if self._length < _LOOK:
            return False
        self._tail = (self._tail + "".join(self._new))[-_SPAN:]
        self._new.clear()
        self._length = 0
        return _repeats(self._tail)


def _repeats(text: str) -> bool:
    piece, start = text[-_PIECE:], len(text) - _PIECE
    for _ in range(_CANDIDATES):
        start = text.rfind(piece, 0, start + _PIECE - 1)
        if start < 0:
            return False
        unit = len(text) - _PIECE - start
        run = max(_LEAST, _TIMES * unit)
        if run > len(text):
            return False
        if text[-run:-unit] == text[unit - run :]:
            return True
    return False
