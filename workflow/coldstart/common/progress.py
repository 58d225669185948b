"""Progress lines that read well both in a terminal and in a log file."""

import logging
import time
from collections import deque

log = logging.getLogger("coldstart")

WINDOW = 10
"""Lines over which the speed is measured: a start may be slower than what follows."""


def duration(seconds: float) -> str:
    """``75`` -> ``1 min 15 s``: a time as a person would say it."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


class Progress:
    """Report how far a piece of long work is, at most once every ``every`` seconds.

    Lines and not a moving bar, because most jobs write to a log file on a cluster.
    """

    def __init__(self, what: str, total: int, done: int = 0, every: float = 10.0) -> None:
        self.what, self.total, self.done, self.every = what, total, done, every
        self._start = time.monotonic()
        self._marks = deque([(self._start, done)], maxlen=WINDOW + 1)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count ``steps`` more as done; print if it is time to, and always at the end."""
        self.done += steps
        now = time.monotonic()
        if self.done < self.total and now - self._marks[-1][0] < self.every:
            return
        self._marks.append((now, self.done))
        if self.done < self.total:
            before, done_before = self._marks[0]
            speed = (self.done - done_before) / (now - before)
            tail = f"{duration((self.total - self.done) / speed)} left" if speed else "waiting"
        else:
            tail = f"done in {duration(now - self._start)}"
        middle = f"  {note}" if note else ""
        log.info("%s  %d/%d%s  %s", self.what, self.done, self.total, middle, tail)
