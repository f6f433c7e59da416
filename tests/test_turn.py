"""Two threads that use one environment at the same time."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from processes import MARK, becomes_true, marked, new_mark, signal_all

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
        copy = pickle.loads(pickle.dumps(turn))  # noqa: S301 - our own bytes
        with ThreadPoolExecutor(1) as other:
            other.submit(copy.__enter__).result(10)


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
