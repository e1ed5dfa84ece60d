"""A second opinion on a command from tree-sitter's bash grammar. The grammar has gaps, so it may only add doubt."""

import re
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_NEEDED_FOR: Final = re.compile(r"[\n(){}<>$\\]|\b(?:if|for|while|until|select|case)\b|[|&]\s*$")
_TREE_KEYWORDS: Final = frozenset({"time", "coproc", "exec", "command"})


def worth_asking(text: str) -> bool:
    """Whether a command holds more than plain words and separators."""
    return _NEEDED_FOR.search(text) is not None


def doubt(text: str, programs: frozenset[str]) -> str:
    """Why the grammar disagrees with reading `text` as running only `programs`; empty where it agrees."""
    tree = _parser().parse(text.encode("utf-8", "surrogateescape"))
    if tree.root_node.has_error:
        return "the command is not plain enough to be sure what it runs"
    pending: list[Node] = [tree.root_node]
    while pending:
        node = pending.pop()
        pending += node.children
        if node.type != "command_name":
            continue
        name = (node.text or b"").decode("utf-8", "replace")
        if name not in programs and name.rpartition("/")[2] not in programs and name not in _TREE_KEYWORDS:
            return f"'{name}' may be run as a command"
    return ""


@cache
def _parser() -> "Parser":
    import tree_sitter_bash  # loaded only for commands that need it
    from tree_sitter import Language, Parser  # loaded only for commands that need it

    return Parser(Language(tree_sitter_bash.language()))
