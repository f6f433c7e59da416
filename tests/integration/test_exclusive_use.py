"""Two threads that use one environment at the same time."""

from __future__ import annotations

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
from godot_marl.core.concurrency import ExclusiveUse
from godot_marl.parallel import GodotParallelEnv


class _GivenAway(ExclusiveUse):
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
def test_a_step_keeps_exclusive_use_until_its_end(
    make: Callable[..., GodotParallelEnv], monkeypatch: pytest.MonkeyPatch
) -> None:
    env = make("walker")
    env.reset(seed=1)
    positions = []

    def step() -> None:
        positions.append(env.step({"walker_0": 2})[0]["walker_0"].item())

    monkeypatch.setattr(env._arena, "_exclusive_use", _GivenAway(step))
    step()
    assert positions == [2.0, 1.0]


@pytest.mark.godot
def test_close_in_another_thread_is_an_error_for_the_waiting_step(
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
def test_a_second_thread_that_steps_gets_an_error_and_the_first_its_answer(
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

    (thread,) = other._threads
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_qualname == "_wait"
