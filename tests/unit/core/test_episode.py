"""The books of an episode, without a game."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import wire_reference as reference
from gymnasium import spaces

from godot_marl.codec import JOINED, LEFT, OBSERVED, TERMINATED, TRUNCATED, TURN, Reply
from godot_marl.errors import InvalidObservationError, ProtocolError
from godot_marl.observations import ObservationOutOfBoundsWarning
from godot_marl.options import Options
from godot_marl.outcomes import Books
from godot_marl.protocol import AgentDescription, SceneDescription

BOX = spaces.Box(-1.0, 1.0, (2,), np.float32)
WIRE_BOX = {"type": "box", "shape": [2], "dtype": "float32"}


class Game:
    """Books for some agents of one space, and the replies that a game would send."""

    def __init__(self, agents: int, mask_size: int = 0, turns: bool = False, **options: Any) -> None:
        self._masks = [mask_size] * agents
        self._count = agents
        scene = SceneDescription(
            tuple(
                AgentDescription(f"a_{i}", f"/root/A{i}", "p", BOX, spaces.Discrete(2), mask_size)
                for i in range(agents)
            ),
            1,
            60,
            turns=turns,
        )
        self._layout = scene.layout()
        self.books = Books(scene, self._layout, Options.of(options))

    def reply(self, *flags: int, **parts: Any) -> Reply:
        arena = {
            "flags": flags,
            "rewards": [float(i) for i in range(self._count)],
            "masks": [[1] * size for size in self._masks],
            "observations": [[i / 10, 0.0] if flag & OBSERVED else None for i, flag in enumerate(flags)],
            "infos": {},
            **parts,
        }
        spaces_of_all = [WIRE_BOX] * self._count
        return self._layout.decode_reply(reference.encode_reply(1, 1, spaces_of_all, self._masks, None, [arena]))


def test_a_quiet_step_says_of_everybody_that_they_go_on() -> None:
    game = Game(5)
    game.books.begin(game.reply(1, 1, 1, 1, 1))
    outcome = game.books.go_on(game.reply(1, 1, 1, 1, 1))
    names = ["a_0", "a_1", "a_2", "a_3", "a_4"]
    assert game.books.live == names
    assert list(outcome.observations) == names
    assert outcome.rewards == {name: float(i) for i, name in enumerate(names)}
    assert outcome.terminations == outcome.truncations == dict.fromkeys(names, False)
    assert outcome.infos == {name: {} for name in names}


def test_whoever_ends_is_gone_in_the_next_step() -> None:
    game = Game(5)
    game.books.begin(game.reply(1, 1, 1, 1, 1))
    outcome = game.books.go_on(game.reply(1, OBSERVED | TERMINATED, 1, OBSERVED | TRUNCATED, 1))
    assert [name for name, ended in outcome.terminations.items() if ended] == ["a_1"]
    assert [name for name, ended in outcome.truncations.items() if ended] == ["a_3"]
    assert list(game.books.go_on(game.reply(1, 0, 1, 0, 1)).observations) == ["a_0", "a_2", "a_4"]


def test_whoever_joins_comes_last_in_the_outcome_and_at_its_place_among_the_live() -> None:
    game = Game(5)
    game.books.begin(game.reply(0, 1, 1, 1, 1))
    outcome = game.books.go_on(game.reply(OBSERVED | JOINED, 1, 1, 1, 1))
    assert list(outcome.observations) == ["a_1", "a_2", "a_3", "a_4", "a_0"]
    assert outcome.observations["a_0"][0] == pytest.approx(0.0)
    assert outcome.observations["a_4"][0] == pytest.approx(0.4)
    assert outcome.rewards["a_4"] == 4.0
    assert game.books.live == ["a_0", "a_1", "a_2", "a_3", "a_4"]


def test_whoever_left_unseen_is_given_what_it_saw_last_even_if_that_was_taken_out_of_the_dictionary() -> None:
    game = Game(2)
    first = game.books.begin(game.reply(1, 1)).observations
    seen = first.pop("a_1")
    outcome = game.books.go_on(game.reply(1, LEFT | TERMINATED))
    assert outcome.observations["a_1"] is seen
    assert outcome.infos["a_1"] == {"left": True}


def test_the_time_is_over_for_those_who_did_not_end_by_themselves() -> None:
    game = Game(2, max_episode_steps=1)
    game.books.begin(game.reply(1, 1))
    outcome = game.books.go_on(game.reply(1, OBSERVED | TERMINATED))
    assert outcome.truncations == {"a_0": True, "a_1": False}
    assert game.books.live == []


@pytest.mark.parametrize("count", [1, 5])
def test_observations_can_be_written_to_and_share_nothing_with_later_ones(count: int) -> None:
    game = Game(count)
    first = game.books.begin(game.reply(*[1] * count)).observations
    second = game.books.go_on(game.reply(*[1] * count)).observations
    for observation in first.values():
        observation[:] = 9.0
    assert [value.tolist() for value in second.values()] == [[pytest.approx(i / 10), 0.0] for i in range(count)]


def test_the_mask_of_an_observation_and_that_of_an_info_are_two() -> None:
    game = Game(2, mask_size=2, mask_in_observation=True)
    outcome = game.books.begin(game.reply(1, 1))
    outcome.infos["a_0"]["action_mask"][:] = 0
    assert outcome.observations["a_0"]["action_mask"].tolist() == [1, 1]
    assert outcome.infos["a_1"]["action_mask"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "flags",
    [(0, 1, 1), (OBSERVED, 0, 1), (OBSERVED, OBSERVED, OBSERVED | TERMINATED)],
    ids=["nothing of a live one", "nothing of another live one", "back without having joined"],
)
def test_a_reply_that_contradicts_itself_is_refused(flags: tuple[int, ...]) -> None:
    game = Game(3)
    game.books.begin(game.reply(1, 1, 1))
    if 0 not in flags:
        game.books.go_on(game.reply(*flags))
    with pytest.raises(ProtocolError, match="contradicts"):
        game.books.go_on(game.reply(*flags))


def test_where_turns_are_taken_it_is_the_turn_of_one() -> None:
    game = Game(2, turns=True)
    assert game.books.begin(game.reply(1, OBSERVED | TURN)).turn == "a_1"
    with pytest.raises(ProtocolError, match="the turn of 0 agents"):
        game.books.go_on(game.reply(1, 1))


def test_among_many_the_one_that_is_wrong_is_named() -> None:
    game = Game(5)
    game.books.begin(game.reply(1, 1, 1, 1, 1))
    bad = [[0.0, 0.0]] * 3 + [[0.0, np.nan], [0.0, 0.0]]
    with pytest.raises(InvalidObservationError, match="agent a_3"):
        game.books.go_on(game.reply(1, 1, 1, 1, 1, observations=bad))


def test_what_is_wrong_is_let_through_without_checks_and_warned_of_once_with_them() -> None:
    far = [[5.0, 0.0]] * 2
    game = Game(2, checks=False)
    assert game.books.begin(game.reply(1, 1, observations=far)).observations["a_0"].tolist() == [5.0, 0.0]
    game = Game(2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            game.books.begin(game.reply(1, 1, observations=far))
    assert [item.category for item in caught] == [ObservationOutOfBoundsWarning] * 2
    assert {item.filename for item in caught} == {__file__}
