"""Games that end, or do not: what a user reads, and that nothing of them is left."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from faults import MakeEnv, play, told
from processes import leaves_nothing, marked, signal_all

from godot_marl import errors

pytestmark = [pytest.mark.godot, pytest.mark.usefixtures("mark")]


def test_endless_loop_ends_with_the_deadline(
    make: MakeEnv, scenes: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("FAULT", "apply_action=loop")
    env = make("answering", step_timeout=0.5)
    with pytest.raises(errors.GameTimeoutError) as raised:
        play(env)
    assert str(raised.value) == told(
        "The game did not reply in time; it was ended.",
        where=f"{scenes} (res://answering.tscn), while Python was waiting for a reply",
        expected="a reply within 0.5 s",
        got="it printed nothing",
        remedy="Look for an endless loop in the scene, or give a longer step_timeout=.",
    )
    assert leaves_nothing(mark)
    monkeypatch.delenv("FAULT")
    play(env)


def test_game_that_quits_itself(make: MakeEnv, scenes: Path, monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    monkeypatch.setenv("FAULT", "apply_action=quit")
    env = make("answering")
    with pytest.raises(errors.GameExitedError) as raised:
        play(env)
    assert str(raised.value) == told(
        "The game ended while Python was waiting for a reply.",
        where=f"{scenes} (res://answering.tscn)",
        expected="a game that runs until the environment is closed",
        got="exit status 3; it printed nothing",
        remedy="Read its output, and look for quit() in the scene; reset() starts the game again.",
    )
    assert raised.value.exit_status == 3
    assert leaves_nothing(mark)
    with pytest.raises(errors.ResetNeededError):
        env.step({"answering": 0})
    monkeypatch.delenv("FAULT")
    play(env)


def test_game_that_is_killed(make: MakeEnv, mark: str) -> None:
    env = make("walker")
    play(env)
    signal_all(marked(mark)["game"], signal.SIGKILL)
    with pytest.raises(errors.GameExitedError) as raised:
        play(env)
    assert raised.value.exit_status == -signal.SIGKILL
    assert raised.value.got == "ended by the signal SIGKILL; it printed nothing"
    assert leaves_nothing(mark)
    play(env)


def test_game_that_is_stopped_ends_with_the_deadline(make: MakeEnv, mark: str) -> None:
    env = make("walker", step_timeout=0.5)
    play(env)
    signal_all(marked(mark)["game"], signal.SIGSTOP)
    with pytest.raises(errors.GameTimeoutError, match=r"a reply within 0\.5 s") as raised:
        play(env)
    assert raised.value.output.startswith("Godot Engine")
    assert leaves_nothing(mark)
    play(env)


def test_game_on_a_slow_machine_is_waited_for(make: MakeEnv, mark: str) -> None:
    env, quick = make("walker"), make("walker")
    for each in (env, quick):
        each.reset(seed=1)
    pids = marked(mark)["game"]
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            signal_all(pids, signal.SIGSTOP)
            step = pool.submit(env.step, {"walker_0": 1})
            with pytest.raises(TimeoutError):
                step.result(0.3)
            signal_all(pids, signal.SIGCONT)
            np.testing.assert_equal(step.result(10), quick.step({"walker_0": 1}))


def test_game_that_prints_megabytes_goes_on_and_fills_nothing(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("FAULT", "apply_action=print")
    monkeypatch.setattr("godot_marl.game.log._LARGEST_LOG", 1 << 20)
    env = make("answering")
    env.reset(seed=1)
    (game,) = marked(mark)["game"]
    log = Path(f"/proc/{game}/fd/1").resolve()
    for _ in range(5):
        observations, *_ = env.step({"answering": 1})
        assert observations["answering"]["observation"].tolist() == [0.5, 0.5]
    assert log.name == "output.txt"
    # One step prints more than two megabytes.
    assert log.stat().st_size < 3 << 20


def test_game_that_crashes_shows_where_its_scripts_were(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "apply_action=crash")
    env = make("answering")
    with pytest.raises(errors.GameExitedError) as raised:
        play(env)
    got = raised.value.got or ""
    assert got.startswith("ended by the signal SIGABRT; it printed last\n")
    assert "[1] apply_action (res://answering.gd:" in got


@pytest.mark.parametrize("fault", ["get_reward", "reset"])
def test_error_of_a_script_leaves_an_environment_that_can_be_reset(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("FAULT", fault)
    env = make("failing")
    with pytest.raises(errors.ScriptError):
        play(env)
    monkeypatch.delenv("FAULT")
    play(env)
