"""One writer at a time, by a lock that dies with its process."""

import errno
import fcntl

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process; whether nobody else holds it.

    A file system that knows no locks counts as free: kcode must work there too.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno in _UNSUPPORTED
    return True
