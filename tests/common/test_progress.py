import logging

import pytest

from coldstart.common import progress
from coldstart.common.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "coldstart")
    return lambda: [record.message for record in caplog.records]


def test_time_left_is_estimated_from_the_latest_speed(clock, lines):
    work = Progress("work", 2000)
    clock[0] = 600.0  # a slow start
    work.advance(10)
    for _ in range(50):
        clock[0] += 10
        work.advance(20)
    assert lines()[0] == "work  10/2000  33 h 10 min left"
    assert lines()[-1] == "work  1010/2000  8 min 15 s left"


def test_lines_keep_their_distance_and_the_last_is_printed(clock, lines):
    work = Progress("work", 10, done=4)
    for _ in range(6):
        clock[0] += 4
        work.advance(1, "note")
    assert lines() == ["work  7/10  note  12 s left", "work  10/10  note  done in 24 s"]


def test_no_time_is_estimated_before_the_first_step(clock, lines):
    work = Progress("work", 10)
    clock[0] = 11
    work.advance(0)
    assert lines() == ["work  0/10  waiting"]
