"""The one exception a user is meant to read."""


class ColdstartError(Exception):
    """A mistake or a fault that the user can mend.

    The message names the file or object, the key in it, and the remedy. It is printed without a
    traceback, so it has to stand on its own.
    """
