"""For any answer of a game, or none: one error of the package, in time, and then a new game can start.

The game is a program that speaks the protocol well until it does one thing wrong. Faults of the real engine are in
`tests/integration/test_process_loss.py`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from pages import ROOT
from processes import leaves_nothing

import godot_marl
from godot_marl import errors
from godot_marl.game import worker

pytestmark = pytest.mark.usefixtures("mark")

GAME = ROOT / "tests" / "helpers" / "misbehaving_game.py"
# The fault comes in step 3: what came before is right.
FAULTY_STEP = 3
TIMEOUT = 1.0
# What an error may take beside the deadline, on a busy machine.
PATIENCE = 10.0

Start = Callable[..., "Form"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Make an environment in one of its forms; it is closed when the test ends."""
    made: list[Form] = []

    def start_one(form: str, fault: str, **options: Any) -> Form:
        made.append(Form(form, fault, **options))
        return made[-1]

    yield start_one
    for form in made:
        form.env.close()


class Form:
    """One of the forms of an environment, and how to play it."""

    def __init__(self, form: str, fault: str, **options: Any) -> None:
        options = {"command": [sys.executable, str(GAME), fault], "step_timeout": TIMEOUT, **options}
        self.env: Any = {
            "parallel": lambda: godot_marl.parallel_env(None, **options),
            "gymnasium": lambda: gymnasium.make("godot_marl/Godot-v0", game=None, **options),
            "vector": lambda: godot_marl.vector_env(None, copies=2, **options),
        }[form]()
        self.form = form

    def reset(self) -> Any:
        """The first observation of the (first) agent."""
        observation, _ = self.env.reset(seed=1)
        return self._first(observation)

    def step(self) -> Any:
        """The next one."""
        actions = {"parallel": {"walker_0": 1}, "gymnasium": 1, "vector": np.array([1, 1])}
        observation, reward, *_ = self.env.step(actions[self.form])
        assert self._first(reward) == 1.0
        return self._first(observation)

    def _first(self, values: Any) -> Any:
        return {"parallel": lambda: values["walker_0"], "gymnasium": lambda: values, "vector": lambda: values[0]}[
            self.form
        ]()

    def play(self, steps: int) -> None:
        """Play from the start, and look at each observation."""
        assert self.reset().tolist() == [0.0, 0.0]
        for step in range(1, steps + 1):
            assert self.step().tolist() == [step, 2.0 * step]


FORMS = pytest.mark.parametrize("form", ["parallel", "gymnasium", "vector"])
FAULTS = {
    "another request": (errors.ProtocolError, "a reply to request 5 instead of 4"),
    "an old answer": (errors.ProtocolError, "a reply to request 3 instead of 4"),
    "garbage": (errors.ProtocolError, "165"),
    "text": (errors.ProtocolError, "nonsense"),
    "no JSON": (errors.ProtocolError, "JSON"),
    "nothing in it": (errors.ProtocolError, "a binary message"),
    "a value too few": (errors.ProtocolError, "bytes"),
    "a value too many": (errors.ProtocolError, "bytes"),
    "a byte too many": (errors.ProtocolError, "bytes"),
    "NaN": (errors.InvalidObservationError, "nan at"),
    "NaN reward": (errors.InvalidObservationError, "NaN"),
    "half a message": (errors.GameTimeoutError, "a reply within 1 s"),
    "half a message, and ends": (errors.GameExitedError, "exit status 7"),
    "no WebSocket": (errors.ProtocolError, "WebSocket"),
    "too large": (errors.ProtocolError, "bytes"),
    "closes": (errors.GameExitedError, "exit status 0"),
    "stops": (errors.GameTimeoutError, "a reply within 1 s"),
    "prints": (errors.GameExitedError, "exit status 9; it printed last"),
}


@pytest.mark.parametrize("form", ["parallel", "vector"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_error_in_time_and_a_new_game_can_start(start: Start, form: str, fault: str, mark: str) -> None:
    kind, text = FAULTS[fault]
    game = start(form, fault)
    game.play(FAULTY_STEP - 1)
    begin = time.monotonic()
    with pytest.raises(errors.GodotMarlError, match=text) as raised:
        game.step()
    assert time.monotonic() - begin < TIMEOUT + PATIENCE
    assert type(raised.value) is kind
    if isinstance(raised.value, errors.GameError):
        assert "while Python was waiting for a reply" in str(raised.value)
        assert str(GAME) in str(raised.value)
    if kind is not errors.InvalidObservationError:
        assert leaves_nothing(mark)
    with pytest.raises((errors.ResetNeededError, gymnasium.error.ResetNeeded)):
        game.step()
    game.play(FAULTY_STEP - 1)
    game.env.close()
    assert leaves_nothing(mark)


@pytest.mark.parametrize("form", ["parallel", "gymnasium"])
def test_a_single_environments_step_keeps_its_deadline(
    start: Start, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_READ_TIMEOUT", 30.0)
    game = start(form, "late")
    game.play(FAULTY_STEP - 1)
    with pytest.raises(errors.GameTimeoutError, match="a reply within 1 s"):
        game.step()


@FORMS
def test_without_a_fault_there_is_no_error(start: Start, form: str, mark: str) -> None:
    game = start(form, "none")
    game.play(FAULTY_STEP + 3)
    game.env.close()
    assert leaves_nothing(mark)


@FORMS
def test_a_second_answer_is_never_taken_for_that_to_the_next_request(start: Start, form: str) -> None:
    game = start(form, "twice")
    game.play(FAULTY_STEP)
    with pytest.raises(errors.ProtocolError, match="a reply to request 4 instead of 5"):
        game.step()
    game.env.close()


def test_the_error_has_the_last_lines_of_megabytes_of_output(start: Start) -> None:
    game = start("parallel", "prints")
    game.play(FAULTY_STEP - 1)
    with pytest.raises(errors.GameExitedError) as raised:
        game.step()
    assert raised.value.exit_status == 9
    assert raised.value.output.endswith("\nthe last line")
    assert len(raised.value.output) < 10_000


def test_a_game_that_starts_slowly_is_waited_for(start: Start, mark: str) -> None:
    game = start("parallel", "slow start", start_timeout=30.0)
    game.play(1)
    game.env.close()


def test_a_game_that_starts_too_slowly_is_ended(start: Start, mark: str) -> None:
    game = start("parallel", "slow start", start_timeout=0.5)
    with pytest.raises(errors.GameTimeoutError, match=r"a connection within 0\.5 s"):
        game.reset()
    assert leaves_nothing(mark)
