"""Calls in several threads: exclusive use, and workers that start at the same time."""

from __future__ import annotations

import _thread
import copy
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from processes import becomes_true, leaves_nothing, marked

import godot_marl
from godot_marl import errors
from godot_marl.core.concurrency import ExclusiveUse, run_all

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# -- Workers that start ------------------------------------------------------------------------------------------------

# The first of several games that comes here ends at once; the others never connect.
ONE_ENDS = 'if mkdir "$0" 2> /dev/null; then exit 7; fi; exec sleep 1000'


def games(mark: str) -> int:
    return len(marked(mark).get("other", []))


def test_the_results_are_in_the_order_of_the_calls() -> None:
    barrier = threading.Barrier(3)
    assert run_all([lambda i=i: (barrier.wait(10), i)[1] for i in range(3)], "test") == [0, 1, 2]


def test_the_first_worker_that_cannot_start_is_an_error_at_once_and_the_others_are_ended(
    mark: str, tmp_path: Path
) -> None:
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


# -- Exclusive use -----------------------------------------------------------------------------------------------------


def test_a_second_thread_gets_an_error_during_exclusive_use() -> None:
    exclusive_use = ExclusiveUse()
    with ThreadPoolExecutor(1) as other:
        with exclusive_use, pytest.raises(errors.BusyEnvironmentError, match="'ThreadPoolExecutor"):
            other.submit(exclusive_use.__enter__).result(10)
        other.submit(exclusive_use.__enter__).result(10)
        with pytest.raises(errors.BusyEnvironmentError):
            exclusive_use.__enter__()
        other.submit(exclusive_use.__exit__).result(10)
    with exclusive_use:
        pass


def test_a_copy_is_not_in_use() -> None:
    exclusive_use = ExclusiveUse()
    with exclusive_use:
        # By the same method as pickling.
        twin = copy.copy(exclusive_use)
        with ThreadPoolExecutor(1) as other:
            other.submit(twin.__enter__).result(10)


_FORKED = """
import os, threading
from godot_marl.core.concurrency import ExclusiveUse
exclusive_use, is_taken, is_over = ExclusiveUse(), threading.Event(), threading.Event()
def take():
    with exclusive_use:
        is_taken.set()
        is_over.wait(20)
threading.Thread(target=take).start()
is_taken.wait(20)
child = os.fork()
if child == 0:
    try:
        with exclusive_use:
            pass
        with exclusive_use:
            os._exit(7)
    finally:
        os._exit(1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
is_over.set()
"""


def test_a_forked_child_does_not_wait_for_a_thread_that_only_its_parent_has() -> None:
    # A newer Python warns of a fork while there are threads.
    command = [sys.executable, "-W", "ignore", "-c", _FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout.strip(), done.stderr) == ("7", "")


def test_threads_may_use_it_one_after_the_other() -> None:
    exclusive_use = ExclusiveUse()

    def take() -> None:
        with exclusive_use:
            pass

    for _ in range(3):
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        take()
