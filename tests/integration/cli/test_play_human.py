"""`godot-marl play` with a person: the keys play one agent, the policies of a training play the others."""

from __future__ import annotations

import copy
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import run, train_briefly
from person import Person
from processes import leaves_nothing, marked, signal_all
from stable_baselines3 import PPO

from godot_marl.core.arena import Arena
from godot_marl.core.episode import StepResult

pytestmark = pytest.mark.godot

CHASERS = ["chaser_0", "chaser_1", "chaser_2"]
# An action of the runner. What it observes first is its place, which grows to the right.
TO_THE_LEFT = 5


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of tag that was over in seconds. What its policies do follows from what they see."""
    settings = "steps = 256\nmax_episode_steps = 30\ndeterministic = true\n[ppo]\nn_steps = 64\n"
    return train_briefly(tmp_path_factory.mktemp("runs"), "tag", settings)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], StepResult]]:
    """All steps that are played in this process: the actions from Python, and what came of them."""
    seen: list[tuple[dict[str, Any], StepResult]] = []
    reset, step = Arena.reset, Arena.step

    def watched_reset(arena: Arena, *arguments: Any) -> StepResult:
        seen.append(({}, copy.deepcopy(outcome := reset(arena, *arguments))))
        return outcome

    def watched_step(arena: Arena, actions: dict[str, Any]) -> StepResult:
        seen.append((dict(actions), copy.deepcopy(outcome := step(arena, actions))))
        return outcome

    monkeypatch.setattr(Arena, "reset", watched_reset)
    monkeypatch.setattr(Arena, "step", watched_step)
    return seen


def test_a_person_is_the_runner_and_the_training_plays_the_chasers(
    trained: Path, person: Person, steps: list[tuple[dict[str, Any], StepResult]]
) -> None:
    person.press("Left")
    result = run("play", "tag", trained, "--human", "runner_0", "--seed", 1)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("episode 1: return chaser ")
    outcomes = [outcome for _, outcome in steps]
    # The key moves the runner, once the game has got it.
    told = [outcome.infos["runner_0"]["human_action"][0] for outcome in outcomes[1:]]
    first = told.index(TO_THE_LEFT)
    assert first < len(told) - 10
    assert set(told[:first]) <= {0}
    assert set(told[first:]) == {TO_THE_LEFT}
    places = [float(outcome.observations["runner_0"][0]) for outcome in outcomes[first + 1 :]]
    assert np.all(np.diff(places) <= 0.0)
    assert places[-1] < places[0] - 0.1
    # The chasers do what their policy does, and get no other input.
    policy = PPO.load(trained / "checkpoints" / "000000256" / "chaser.zip", device="cpu")
    for before, (actions, _) in zip(outcomes, steps[1:], strict=False):
        views = np.stack([before.observations[chaser] for chaser in CHASERS])
        assert [actions[chaser] for chaser in CHASERS] == policy.predict(views, deterministic=True)[0].tolist()


@contextmanager
def playing(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """`godot-marl play` in a process of its own, which has shown the return of its first episode."""
    process = subprocess.Popen(
        [sys.executable, "-m", "godot_marl", "play", *arguments, "--episodes", "1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("episode 1: return "), first + process.stdout.read()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


@pytest.mark.parametrize("options", [[], ["--human", "runner_0"]], ids=["watching", "playing"])
def test_a_closed_window_ends_the_play(options: list[str], trained: Path, person: Person, mark: str) -> None:
    with playing("tag", trained, *options) as process:
        person.close_window()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    *_, last = output.splitlines()
    assert re.fullmatch(r"episode \d+: the window was closed", last)
    assert "Error" not in output
    assert leaves_nothing(mark)


@pytest.mark.usefixtures("display")
def test_a_game_that_dies_while_it_is_played_is_an_error(trained: Path, mark: str) -> None:
    with playing("tag", trained, "--human", "runner_0") as process:
        (game,) = set(marked(mark)["other"]) - {process.pid}
        signal_all([game], signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "GameExitedError: The game ended while Python was" in output
    assert "window was closed" not in output
    assert leaves_nothing(mark)
