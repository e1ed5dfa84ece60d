"""The markup in which Kimi models write calls, as it leaks into text."""

SB, SE = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
CB, AB, CE = "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"
OPEN, CLOSE, SEP = "<|open|>", "<|close|>", "<|sep|>"


def k2(header: str, arguments: str) -> str:
    """Return K2's section with one call."""
    return f"{SB}{CB}{header}{AB}{arguments}{CE}{SE}"


def tag(inner: str) -> str:
    """Return K3's opening tag."""
    return f"{OPEN}{inner}{SEP}"


def end(inner: str) -> str:
    """Return K3's closing tag."""
    return f"{CLOSE}{inner}{SEP}"
