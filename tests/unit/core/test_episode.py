"""The books of an episode, without a game."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import wire_reference as reference
from gymnasium import spaces

from godot_marl.core.episode import EpisodeTracker
from godot_marl.core.observation_validation import ObservationOutOfBoundsWarning
from godot_marl.errors import InvalidObservationError, ProtocolError
from godot_marl.options import Options
from godot_marl.protocol.codec import JOINED, LEFT, OBSERVED, TERMINATED, TRUNCATED, TURN, Reply
from godot_marl.protocol.messages import AgentDescription, SceneDescription

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
        self._layout = scene.make_codec()
        self.tracker = EpisodeTracker(scene, self._layout, Options.from_kwargs(options))

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


def test_a_step_without_ends_keeps_all_agents() -> None:
    game = Game(5)
    game.tracker.on_reset(game.reply(1, 1, 1, 1, 1))
    outcome = game.tracker.on_step(game.reply(1, 1, 1, 1, 1))
    names = ["a_0", "a_1", "a_2", "a_3", "a_4"]
    assert game.tracker.live == names
    assert list(outcome.observations) == names
    assert outcome.rewards == {name: float(i) for i, name in enumerate(names)}
    assert outcome.terminations == outcome.truncations == dict.fromkeys(names, False)
    assert outcome.infos == {name: {} for name in names}


def test_an_agent_that_ended_is_gone_in_the_next_step() -> None:
    game = Game(5)
    game.tracker.on_reset(game.reply(1, 1, 1, 1, 1))
    outcome = game.tracker.on_step(game.reply(1, OBSERVED | TERMINATED, 1, OBSERVED | TRUNCATED, 1))
    assert [name for name, ended in outcome.terminations.items() if ended] == ["a_1"]
    assert [name for name, ended in outcome.truncations.items() if ended] == ["a_3"]
    assert list(game.tracker.on_step(game.reply(1, 0, 1, 0, 1)).observations) == ["a_0", "a_2", "a_4"]


def test_an_agent_that_joins_is_last_in_the_result_and_in_order_among_the_live() -> None:
    game = Game(5)
    game.tracker.on_reset(game.reply(0, 1, 1, 1, 1))
    outcome = game.tracker.on_step(game.reply(OBSERVED | JOINED, 1, 1, 1, 1))
    assert list(outcome.observations) == ["a_1", "a_2", "a_3", "a_4", "a_0"]
    assert outcome.observations["a_0"][0] == pytest.approx(0.0)
    assert outcome.observations["a_4"][0] == pytest.approx(0.4)
    assert outcome.rewards["a_4"] == 4.0
    assert game.tracker.live == ["a_0", "a_1", "a_2", "a_3", "a_4"]


def test_a_freed_agent_gets_its_last_observation_even_if_the_caller_removed_it() -> None:
    game = Game(2)
    first = game.tracker.on_reset(game.reply(1, 1)).observations
    seen = first.pop("a_1")
    outcome = game.tracker.on_step(game.reply(1, LEFT | TERMINATED))
    assert outcome.observations["a_1"] is seen
    assert outcome.infos["a_1"] == {"left": True}


def test_the_time_limit_truncates_agents_that_did_not_end() -> None:
    game = Game(2, max_episode_steps=1)
    game.tracker.on_reset(game.reply(1, 1))
    outcome = game.tracker.on_step(game.reply(1, OBSERVED | TERMINATED))
    assert outcome.truncations == {"a_0": True, "a_1": False}
    assert game.tracker.live == []


@pytest.mark.parametrize("count", [1, 5])
def test_observations_can_be_written_to_and_share_nothing_with_later_ones(count: int) -> None:
    game = Game(count)
    first = game.tracker.on_reset(game.reply(*[1] * count)).observations
    second = game.tracker.on_step(game.reply(*[1] * count)).observations
    for observation in first.values():
        observation[:] = 9.0
    assert [value.tolist() for value in second.values()] == [[pytest.approx(i / 10), 0.0] for i in range(count)]


def test_the_masks_of_observation_and_info_are_separate_arrays() -> None:
    game = Game(2, mask_size=2, mask_in_observation=True)
    outcome = game.tracker.on_reset(game.reply(1, 1))
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
    game.tracker.on_reset(game.reply(1, 1, 1))
    if 0 not in flags:
        game.tracker.on_step(game.reply(*flags))
    with pytest.raises(ProtocolError, match="contradicts"):
        game.tracker.on_step(game.reply(*flags))


def test_exactly_one_agent_has_the_turn() -> None:
    game = Game(2, turns=True)
    assert game.tracker.on_reset(game.reply(1, OBSERVED | TURN)).turn == "a_1"
    with pytest.raises(ProtocolError, match="the turn of 0 agents"):
        game.tracker.on_step(game.reply(1, 1))


def test_the_wrong_agent_among_many_is_named() -> None:
    game = Game(5)
    game.tracker.on_reset(game.reply(1, 1, 1, 1, 1))
    bad = [[0.0, 0.0]] * 3 + [[0.0, np.nan], [0.0, 0.0]]
    with pytest.raises(InvalidObservationError, match="agent a_3"):
        game.tracker.on_step(game.reply(1, 1, 1, 1, 1, observations=bad))


def test_wrong_values_pass_without_checks_and_warn_once_with_them() -> None:
    far = [[5.0, 0.0]] * 2
    game = Game(2, checks=False)
    assert game.tracker.on_reset(game.reply(1, 1, observations=far)).observations["a_0"].tolist() == [5.0, 0.0]
    game = Game(2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            game.tracker.on_reset(game.reply(1, 1, observations=far))
    assert [item.category for item in caught] == [ObservationOutOfBoundsWarning] * 2
    assert {item.filename for item in caught} == {__file__}
