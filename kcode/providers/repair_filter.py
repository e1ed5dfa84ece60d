"""What of a stream may be shown at once, and what may still become markup."""

from collections.abc import Collection

from kcode.providers.repair_channel import Shown
from kcode.providers.repair_scan import Scanner
from kcode.providers.repair_written import WrittenHold


class MarkupFilter:
    """Lets through what a person may see of one channel, as early as that is certain.

    It holds back only what may still become markup: a beginning token, the header of a call, a block that has
    the shape of a written call.
    """

    def __init__(self, offered: Collection[str] = (), *, words: bool = True) -> None:
        """`words` says that this is what the model says, in which it may think or write calls, not what it thinks."""
        self._scanner = Scanner(offered, asides=words)
        self._hold = WrittenHold(offered if words else ())

    def feed(self, text: str) -> Shown:
        """Take in a piece; return what is safe to show."""
        words, thinking = self._scanner.feed(text)
        return Shown(self._hold.feed(words) if words else "", thinking)

    def finish(self, *, calls_came: bool = False) -> Shown:
        """Return the rest; `calls_came` says that the response has proper calls, so that written ones are text."""
        words, thinking = self._scanner.finish()
        shown = self._hold.feed(words) + self._hold.finish(calls_came=calls_came or bool(self._scanner.calls))
        return Shown(shown, thinking)
