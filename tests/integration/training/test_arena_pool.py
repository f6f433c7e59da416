"""The games that a training plays at once, and what becomes of those that are lost."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import again_and_again, becomes_true, leaves_nothing, marked, signal_all

from godot_marl import errors
from godot_marl.core.arena import Arena
from godot_marl.core.episode import StepResult
from godot_marl.options import Options
from godot_marl.training.arena_pool import Arenas
from godot_marl.vector import restarting_pool

pytestmark = pytest.mark.usefixtures("mark")

# Longer than a busy machine takes for a step, and what a hung game costs.
STEP_TIMEOUT = 3.0

MakeArenas = Callable[..., Arenas]


@pytest.fixture
def make(scenes: Path, mark: str) -> Iterator[MakeArenas]:
    """Make and start arenas of a test scene; when they are closed, no process is left."""
    made: list[Arenas] = []

    def make_some(scene: str, count: int = 1, *, restarts: bool = True) -> Arenas:
        def make_one(number: int) -> Arena:
            wishes = {"scene": f"{scene}.tscn", "step_timeout": STEP_TIMEOUT, "seed": number}
            return Arena(scenes, Options.from_kwargs(wishes), number=number)

        made.append(Arenas(make_one, count, restarts=restarts))
        made[-1].start()
        return made[-1]

    yield make_some
    for arenas in made:
        arenas.close()
    assert leaves_nothing(mark)


def game_of(arenas: Arenas, number: int) -> int:
    """The process of an arena's game."""
    worker: Any = arenas._arenas[number]._worker
    return int(worker._process.pid)


def kill(mark: str, game: int) -> None:
    """Kill a game, and wait until it is dead."""
    signal_all([game], signal.SIGKILL)
    assert becomes_true(lambda: game not in marked(mark).get("game", ()))


def step(arenas: Arenas, number: int, agent: str) -> StepResult | None:
    """A step of one arena, whose agent takes its action 0."""
    arenas.begin_step(number, {agent: 0})
    return arenas.finish_step(number)


def lose(fault: str, worker: Any, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen to a game by which it is lost in its next step."""

    def fail(*_: object) -> None:
        raise errors.ProtocolError("It sent nonsense.") if fault == "answers nonsense" else BrokenPipeError

    if fault == "is killed":
        kill(mark, worker._process.pid)
    elif fault == "hangs":
        signal_all([worker._process.pid], signal.SIGSTOP)
    elif fault == "takes nothing in":
        monkeypatch.setattr(worker._connection, "send", fail)
    else:
        monkeypatch.setattr(worker._session, "receive", fail)


@pytest.mark.godot
def test_a_lost_game_is_restarted_at_its_reset_and_the_other_is_unchanged(
    make: MakeArenas, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mark: str
) -> None:
    monkeypatch.setattr(restarting_pool, "FIRST_DELAY", 0.0)
    monkeypatch.setattr(restarting_pool, "MAX_FAILED_STARTS", 1000)
    arenas = make("walker", 2)
    arenas.reset(0)
    arenas.reset(1)
    games = [game_of(arenas, number) for number in range(2)]
    for restart, fault in enumerate(["is killed", "hangs", "takes nothing in", "answers nonsense"], start=1):
        lose(fault, arenas._arenas[0]._worker, mark, monkeypatch)
        for number in range(2):
            arenas.begin_step(number, {"walker_0": 2})
        # The first one is waited for first, so that the other one's answer is read after the deadline of a hang.
        assert arenas.finish_step(0) is None
        other = arenas.finish_step(1)
        assert other is not None
        assert other.observations["walker_0"].tolist() == [float(restart)]
        caplog.clear()
        with caplog.at_level(logging.WARNING, "godot_marl"):
            assert arenas.reset(0).observations["walker_0"].tolist() == [0.0]
        (record,) = caplog.records
        assert record.message.startswith(f"worker 0 was lost and is replaced (restart {restart}): ")
        assert game_of(arenas, 1) == games[1]
        assert game_of(arenas, 0) != games[0]
        games[0] = game_of(arenas, 0)
    outcome = step(arenas, 0, "walker_0")
    assert outcome is not None
    assert outcome.observations["walker_0"].tolist() == [-1.0]
    assert arenas.live(0) == ["walker_0"]


@pytest.mark.godot
def test_a_game_that_is_lost_every_time_is_given_up(
    make: MakeArenas, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(restarting_pool, "FIRST_DELAY", 0.01)
    monkeypatch.setenv("FAULT", "apply_action=quit")
    arenas = make("answering")
    outcomes: list[StepResult | None] = []

    def play() -> None:
        arenas.reset(0)
        outcomes.append(step(arenas, 0, "answering"))

    with pytest.raises(errors.WorkerRestartError) as raised:
        again_and_again(play)
    assert outcomes == [None] * 4
    error = raised.value
    assert (error.worker, error.restarts, error.exit_status) == (0, 3, 3)
    assert "3 in a row that did not (3 restarts in all); the last fault: The game ended" in str(error)
    assert isinstance(error.__cause__, errors.GameExitedError)
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "worker 0 was lost and is replaced (restart 1)",
        "worker 0 was lost and is replaced after 0.0 s (restart 2)",
        "worker 0 was lost and is replaced after 0.0 s (restart 3)",
    ]


@pytest.mark.godot
def test_a_game_that_is_lost_in_every_reset_is_given_up(make: MakeArenas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarting_pool, "MAX_FAILED_STARTS", 1)
    monkeypatch.setenv("FAULT", "get_observation=crash at once")
    arenas = make("answering")
    with pytest.raises(errors.WorkerRestartError, match="1 in a row that did not"):
        arenas.reset(0)


@pytest.mark.godot
def test_without_restarts_the_fault_is_raised(make: MakeArenas, mark: str) -> None:
    arenas = make("walker", 2, restarts=False)
    for number in range(2):
        arenas.reset(number)
    kill(mark, game_of(arenas, 1))
    with pytest.raises(errors.GameExitedError, match="SIGKILL") as raised:
        step(arenas, 1, "walker_0")
    assert (raised.value.where or "").startswith("worker 1, ")
    kill(mark, game_of(arenas, 0))
    with pytest.raises(errors.GameExitedError):
        arenas.reset(0)


@pytest.mark.godot
def test_an_error_of_the_scene_is_raised_unchanged(
    make: MakeArenas, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FAULT", "get_reward")
    arenas = make("failing")
    (name,) = arenas.reset(0).observations
    with pytest.raises(errors.ScriptError):
        step(arenas, 0, name)
    assert not caplog.records


@pytest.mark.godot
def test_a_new_game_must_have_the_agents_of_the_first_one(
    make: MakeArenas, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("ROWS", "plain 1")
    arenas = make("rows")
    arenas.reset(0)
    monkeypatch.setenv("ROWS", "plain 2")
    kill(mark, game_of(arenas, 0))
    with pytest.raises(errors.SceneError, match="different agents"):
        arenas.reset(0)


@pytest.mark.godot
def test_close_in_a_step_leaves_no_process(make: MakeArenas, mark: str) -> None:
    arenas = make("walker", 2)
    for number in range(2):
        arenas.reset(number)
        arenas.begin_step(number, {"walker_0": 2})
    arenas.close()
    assert leaves_nothing(mark)
