"""Two threads that use one environment at the same time."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from processes import MARK, becomes_true, leaves_nothing, marked, new_mark, signal_all

import godot_marl
from godot_marl import errors
from godot_marl.parallel import GodotParallelEnv
from godot_marl.turn import Turn


def test_whoever_comes_while_it_is_anothers_turn_is_refused_and_the_other_goes_on() -> None:
    turn = Turn()
    with ThreadPoolExecutor(1) as other:
        with turn, pytest.raises(errors.BusyEnvironmentError, match="'ThreadPoolExecutor"):
            other.submit(turn.__enter__).result(10)
        other.submit(turn.__enter__).result(10)
        with pytest.raises(errors.BusyEnvironmentError):
            turn.__enter__()
        other.submit(turn.__exit__).result(10)
    with turn:
        pass


def test_a_copy_is_nobodys() -> None:
    turn = Turn()
    with turn:
        # By the same method as pickling.
        twin = copy.copy(turn)
        with ThreadPoolExecutor(1) as other:
            other.submit(twin.__enter__).result(10)


_FORKED = """
import os, threading
from godot_marl.turn import Turn
turn, is_taken, is_over = Turn(), threading.Event(), threading.Event()
def take():
    with turn:
        is_taken.set()
        is_over.wait(20)
threading.Thread(target=take).start()
is_taken.wait(20)
child = os.fork()
if child == 0:
    try:
        with turn:
            pass
        with turn:
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


class _GivenAway(Turn):
    """A turn that another thread takes as soon as it is free."""

    def __init__(self, take: Callable[[], object]) -> None:
        super().__init__()
        self._takes = [take]

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        if self._takes:
            with ThreadPoolExecutor(1) as other:
                other.submit(self._takes.pop()).result(20)


@pytest.mark.godot
def test_a_step_is_one_turn(make: Callable[..., GodotParallelEnv], monkeypatch: pytest.MonkeyPatch) -> None:
    env = make("walker")
    env.reset(seed=1)
    positions = []

    def step() -> None:
        positions.append(env.step({"walker_0": 2})[0]["walker_0"].item())

    monkeypatch.setattr(env._arena, "_turn", _GivenAway(step))
    step()
    assert positions == [2.0, 1.0]


@pytest.mark.godot
def test_close_in_another_thread_tells_the_one_that_waits_for_a_step(
    make: Callable[..., GodotParallelEnv], monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    env = make("walker")
    env.reset(seed=1)
    signal_all(marked(mark)["game"], 19)
    with ThreadPoolExecutor(1) as other:
        step = other.submit(env.step, {"walker_0": 2})
        assert becomes_true(lambda: _is_waiting(other), 10)
        close = threading.Thread(target=env.close)
        close.start()
        assert becomes_true(lambda: env._arena._is_closed, 10)
        signal_all(marked(mark)["game"], 18)
        with pytest.raises(errors.ClosedEnvironmentError, match="a call after close"):
            step.result(20)
        close.join(20)
    assert leaves_nothing(mark)


@pytest.mark.godot
@pytest.mark.parametrize("form", ["parallel", "vector"])
def test_two_threads_that_step_at_the_same_time_are_told_so_and_the_first_gets_its_answer(
    make: Callable[..., GodotParallelEnv], scenes: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    env = make("walker") if form == "parallel" else godot_marl.vector_env(scenes, scene="walker.tscn")
    env.reset(seed=1)

    def step() -> float:
        if isinstance(env, GodotParallelEnv):
            return float(env.step({"walker_0": 2})[0]["walker_0"].item())
        return float(np.asarray(env.step(np.array([2]))[0]).item())

    # A game that is stopped is one that takes long.
    signal_all(marked(mark)["game"], 19)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(step)
        assert becomes_true(lambda: _is_waiting(other), 10)
        with pytest.raises((errors.BusyEnvironmentError, errors.StepOrderError)):
            step()
        with pytest.raises(errors.BusyEnvironmentError):
            env.reset()
        signal_all(marked(mark)["game"], 18)
        assert first.result(20) == 1.0
    assert step() == 2.0
    env.close()


def _is_waiting(other: ThreadPoolExecutor) -> bool:
    """Whether its thread waits for the game."""
    import sys

    (thread,) = other._threads
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_qualname == "_wait"


def test_one_thread_after_the_other_is_welcome() -> None:
    turn = Turn()

    def take() -> None:
        with turn:
            pass

    for _ in range(3):
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        take()
