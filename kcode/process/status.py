"""How a command ended, in words."""

import signal

_MEANINGS = {
    126: "the program was found but could not be executed",
    127: "a command was not found",
}
_SIGNALS = {
    signal.SIGABRT: "it aborted",
    signal.SIGBUS: "bad memory access",
    signal.SIGFPE: "arithmetic error",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupted",
    signal.SIGKILL: "killed, perhaps because memory ran out",
    signal.SIGPIPE: "nobody read its output any more",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "asked to end",
    signal.SIGXCPU: "out of processor time",
}


def describe(status: int) -> str:
    """Return the exit status with what it means, e.g. "exit status 127 (a command was not found)"."""
    if status < 0:
        return f"ended by signal {_signal(-status)}"
    if status in _MEANINGS:
        return f"exit status {status} ({_MEANINGS[status]})"
    if 128 < status <= 128 + 64:
        try:
            return f"exit status {status} (a program was ended by signal {_signal(status - 128)})"
        except ValueError:
            pass
    return f"exit status {status}"


def _signal(number: int) -> str:
    try:
        known = signal.Signals(number)
    except ValueError:
        return str(number)
    meaning = _SIGNALS.get(known)
    return f"{known.name}: {meaning}" if meaning else known.name
