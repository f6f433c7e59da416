"""Several workers that start: the first that cannot is told at once, and nobody waits for the others."""

from __future__ import annotations

import _thread
import sys
import threading
import time
from pathlib import Path

import pytest
from processes import becomes_true, leaves_nothing, marked

import godot_marl
from godot_marl import errors
from godot_marl.together import together

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# The first of several games that comes here ends at once; the others never connect.
ONE_ENDS = 'if mkdir "$0" 2> /dev/null; then exit 7; fi; exec sleep 1000'


def games(mark: str) -> int:
    return len(marked(mark).get("other", []))


def test_the_results_are_in_the_order_of_the_calls() -> None:
    barrier = threading.Barrier(3)
    assert together([lambda i=i: (barrier.wait(10), i)[1] for i in range(3)], "test") == [0, 1, 2]


def test_the_first_worker_that_cannot_start_is_told_at_once_and_the_others_are_ended(mark: str, tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(errors.GameExitedError, match=r"worker \d, sh .*\n.*\n.*exit status 7"):
        godot_marl.vector_env(command=["sh", "-c", ONE_ENDS, str(tmp_path / "taken")], processes=3, start_timeout=50.0)
    assert time.monotonic() - begin < 20.0
    assert leaves_nothing(mark)


def test_ctrl_c_waits_for_no_worker_that_starts(mark: str) -> None:
    def interrupt() -> None:
        becomes_true(lambda: games(mark) == 3, 20)
        _thread.interrupt_main()

    thread = threading.Thread(target=interrupt)
    thread.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        godot_marl.vector_env(command=["sleep", "1000"], processes=3, start_timeout=50.0)
    thread.join()
    assert time.monotonic() - begin < 20.0
    assert leaves_nothing(mark)
