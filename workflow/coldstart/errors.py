"""The one exception a user is meant to read, and which of the system's it stands for."""

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors of a write for which there is no room."""


class ColdstartError(Exception):
    """A mistake or a fault that the user can mend.

    The message names the file or object, the key in it, and the remedy. It is printed without a
    traceback, so it has to stand on its own.
    """
