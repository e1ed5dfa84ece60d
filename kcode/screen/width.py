"""How many cells text takes on a terminal, and cutting it to a number of them."""


def cell_width(text: str) -> int:
    """Return the cells that one line of sanitised text takes."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # noqa: PLC0415 - tables that plain text does not need

    width = wcswidth(text)
    return width if width >= 0 else sum(_char_width(c) for c in text)


def cut(text: str, cells: int, ellipsis: str = "…") -> str:
    """Return text that takes at most `cells` cells; what was cut ends in `ellipsis`."""
    if cell_width(text) <= cells:
        return text
    room = cells - cell_width(ellipsis)
    if room < 0:
        return ""
    return _fit(text, room) + ellipsis


def _char_width(char: str) -> int:
    if char.isascii():
        return 1
    from wcwidth import wcwidth  # noqa: PLC0415 - see cell_width

    return max(wcwidth(char), 0)


def _fit(text: str, cells: int) -> str:
    """Return the longest beginning of text that takes at most `cells`, not ending within a joined character."""
    if text.isascii():
        return text[:cells]
    used = 0
    for at, char in enumerate(text):
        used += _char_width(char)
        if used > cells:
            while at > 0 and text[at - 1] == "\u200d":
                at -= 2  # noqa: PLW2901 - the joiner and what it joins go together
            return text[: max(at, 0)]
    return text
