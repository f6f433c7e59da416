"""What agents went through, against the definition of the advantages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from godot_marl.core.arena import StepResult
from godot_marl.protocol.messages import AgentDescription, SceneDescription
from godot_marl.training import TrainingConfig
from godot_marl.training.models import is_masked, new_models
from godot_marl.training.players import DecisionBatch
from godot_marl.training.rollout import PolicyLearner

GAMMA, LAMBDA = 0.9, 0.8
BOX = spaces.Box(-1, 1, (3,))
SEAT = (0, "a_0")


def make_learner(
    action_space: spaces.Space[Any], mask: int = 0, observations: spaces.Space[Any] = BOX
) -> PolicyLearner:
    agent = AgentDescription("a_0", "/root/a", "default", observations, action_space, mask)
    plan = TrainingConfig(ppo={"gamma": GAMMA, "gae_lambda": LAMBDA, "n_steps": 4, "batch_size": 2, "n_epochs": 1})
    (model,) = new_models(SceneDescription((agent,), 1, 60), plan, seed=0).values()
    return PolicyLearner(model, masked=is_masked(model))


@dataclass
class Watched:
    """A learner that hands out what it would have learned from."""

    learner: PolicyLearner
    rows: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    def update(self) -> int:
        """Update without learning, so that values stay comparable."""
        model: Any = self.learner.model

        def look() -> None:
            buffer = model.rollout_buffer
            names = ("observations", "actions", "rewards", "advantages", "returns", "values", "log_probs")
            self.rows = {name: getattr(buffer, name)[:, 0].copy() for name in names}

        model.train = look
        return self.learner.update()


def outcome_of(name: str, observation: Any, reward: float, end: str) -> StepResult:
    return StepResult({name: observation}, {name: reward}, {name: end == "terminated"}, {name: end == "truncated"}, {})


def value_of(learner: PolicyLearner, observation: Any) -> float:
    policy: Any = learner.model.policy
    return float(policy.predict_values(policy.obs_to_tensor(observation[np.newaxis])[0]).detach())


def advantages_of(rewards: Sequence[float], values: Sequence[float], last_value: float) -> list[float]:
    """Schulman et al. 2016, "High-Dimensional Continuous Control Using GAE", equations 11 and 16."""
    following = [*values[1:], last_value][: len(values)]
    deltas = [r + GAMMA * after - v for r, v, after in zip(rewards, values, following, strict=True)]
    return [
        sum((GAMMA * LAMBDA) ** k * delta for k, delta in enumerate(deltas[start:])) for start in range(len(deltas))
    ]


@dataclass
class Episode:
    """What one agent is to go through: rewards of its steps, and how it ends ("" for not yet)."""

    rewards: list[float]
    end: str


EPISODES = st.lists(
    st.builds(
        Episode,
        st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=6),
        st.sampled_from(["terminated", "truncated", ""]),
    ),
    min_size=1,
    max_size=3,
)
LEARNER = make_learner(spaces.Discrete(2))


@given(episodes=EPISODES, seed=st.integers(0, 1000))
@settings(max_examples=60)
def test_advantages_of_agents_that_end_apart(episodes: list[Episode], seed: int) -> None:
    rng = np.random.default_rng(seed)
    watched = Watched(LEARNER)
    learner = watched.learner
    learner.clear()
    names = [f"a_{i}" for i in range(len(episodes))]
    seen = {name: [rng.uniform(-1, 1, 3).astype(np.float32)] for name in names}
    for step in range(6):
        acting = [name for name, episode in zip(names, episodes, strict=True) if step < len(episode.rewards)]
        if acting:
            learner.act(
                DecisionBatch([(0, name) for name in acting], [seen[name][-1] for name in acting], [None] * len(acting))
            )
        for name in acting:
            episode = episodes[names.index(name)]
            seen[name].append(rng.uniform(-1, 1, 3).astype(np.float32))
            end = episode.end if step == len(episode.rewards) - 1 else ""
            learner.record((0, name), outcome_of(name, seen[name][-1], episode.rewards[step], end))
    # A decision that is open waits for the next update.
    closed = {n: len(e.rewards) - (e.end == "") for n, e in zip(names, episodes, strict=True)}
    count = sum(closed.values())
    assert watched.update() == (count if count > 1 else 0)
    if count < 2:
        learner.clear()
        return
    got = {tuple(o): i for i, o in enumerate(watched.rows.get("observations", []))}
    for name, episode in zip(names, episodes, strict=True):
        count = closed[name]
        values = [value_of(learner, observation) for observation in seen[name]]
        after = 0.0 if episode.end == "terminated" else values[count]
        expected = advantages_of(episode.rewards[:count], values[:count], after)
        rows = [got[tuple(observation)] for observation in seen[name][:count]]
        np.testing.assert_allclose(watched.rows["advantages"][rows] if rows else [], expected, atol=1e-5)
        if rows:
            returns = np.array(expected) + values[:count]
            np.testing.assert_allclose(watched.rows["returns"][rows], returns, atol=1e-5)


def test_with_turns_a_decision_gets_the_rewards_until_the_next_one() -> None:
    watched = Watched(make_learner(spaces.Discrete(2)))
    learner = watched.learner
    first, second, third = (np.full(3, x, np.float32) for x in (0.1, 0.2, 0.3))
    learner.act(DecisionBatch([SEAT], [first], [None]))
    for reward in (1.0, 0.5, 0.25):  # its own move, and two of others
        learner.record(SEAT, outcome_of("a_0", second, reward, ""))
    learner.act(DecisionBatch([SEAT], [second], [None]))
    learner.record(SEAT, outcome_of("a_0", third, 4.0, "terminated"))
    assert watched.update() == 2
    expected = advantages_of([1.75, 4.0], [value_of(learner, first), value_of(learner, second)], 0.0)
    np.testing.assert_allclose(watched.rows["advantages"], expected, atol=1e-5)


def test_a_decision_that_is_open_at_an_update_is_learned_from_in_the_next() -> None:
    watched = Watched(make_learner(spaces.Discrete(2)))
    learner = watched.learner
    places = [np.full(3, x / 10, np.float32) for x in range(5)]
    for step in range(3):
        learner.act(DecisionBatch([SEAT], [places[step]], [None]))
        learner.record(SEAT, outcome_of("a_0", places[step + 1], 1.0, ""))
    assert watched.update() == 2
    assert watched.rows["observations"].tolist() == [places[0].tolist(), places[1].tolist()]
    learner.act(DecisionBatch([SEAT], [places[3]], [None]))
    learner.record(SEAT, outcome_of("a_0", places[4], 1.0, "terminated"))
    assert watched.update() == 2
    assert watched.rows["observations"].tolist() == [places[2].tolist(), places[3].tolist()]
    assert watched.update() == 0


def test_an_episode_whose_game_is_lost_is_truncated_at_its_last_observation() -> None:
    watched = Watched(make_learner(spaces.Discrete(2)))
    learner = watched.learner
    places = [np.full(3, x / 10, np.float32) for x in range(8)]
    keys = [(0, "a_0"), (1, "a_0"), (1, "waits")]
    learner.act(DecisionBatch(keys, [places[0], places[1], places[2]], [None] * 3))
    learner.record(keys[0], outcome_of("a_0", places[3], 1.0, ""))
    learner.record(keys[1], outcome_of("a_0", places[4], 2.0, ""))
    learner.record(keys[2], outcome_of("waits", places[5], 4.0, ""))
    learner.act(DecisionBatch(keys[:2], [places[3], places[4]], [None] * 2))
    # Arena 1 is lost in this step. The action of its first agent has no result; the other one waits for its turn.
    learner.cut_off(keys[1], outcome_of("a_0", places[4], 2.0, ""))
    learner.cut_off(keys[2], outcome_of("waits", places[5], 4.0, ""))
    learner.cut_off((1, "never came"), outcome_of("a_0", places[4], 2.0, ""))
    learner.abandon_episode(1)
    learner.record(keys[0], outcome_of("a_0", places[6], 8.0, "terminated"))
    assert watched.update() == 4
    rows = {tuple(seen): i for i, seen in enumerate(watched.rows["observations"])}
    for seen, rewards, last in (
        ([0, 3], [1.0, 8.0], 0.0),
        ([1], [2.0], value_of(learner, places[4])),
        ([2], [4.0], value_of(learner, places[5])),
    ):
        expected = advantages_of(rewards, [value_of(learner, places[i]) for i in seen], last)
        got = watched.rows["advantages"][[rows[tuple(places[i])] for i in seen]]
        np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("space", "mask"),
    [
        (spaces.Box(np.array([-0.01, 5.0]), np.array([0.01, 6.0]), dtype=np.float64), 0),
        (spaces.Discrete(4), 0),
        (spaces.Discrete(4), 4),
        (spaces.MultiDiscrete([2, 3]), 0),
        (spaces.MultiDiscrete([2, 3]), 5),
        (spaces.MultiBinary(3), 0),
    ],
    ids=str,
)
def test_actions_are_in_their_space_and_really_train(space: spaces.Space[Any], mask: int) -> None:
    learner = make_learner(space, mask)
    before = [parameter.detach().clone() for parameter in learner.model.policy.parameters()]
    learner.model.set_logger(_silent())
    # Only the last choice of each part is allowed.
    allowed = {0: None, 4: np.array([0, 0, 0, 1], np.int8), 5: np.array([0, 1, 0, 0, 1], np.int8)}[mask]
    names = ["a_0", "a_1"]
    for step in range(5):
        seen = [np.full(3, step / 10 + i / 100, np.float32) for i in range(2)]
        for name, action in zip(
            names, learner.act(DecisionBatch([(0, name) for name in names], seen, [allowed] * 2)), strict=True
        ):
            assert space.contains(action.astype(space.dtype) if isinstance(space, spaces.Box) else action)
            if mask == 4:
                assert action == 3
            elif mask == 5:
                assert action.tolist() == [1, 2]
            learner.record((0, name), outcome_of(name, seen[0], float(step), "truncated" if step == 4 else ""))
    assert learner.update() == 10
    after = list(learner.model.policy.parameters())
    assert any(not np.array_equal(a.detach(), b) for a, b in zip(after, before, strict=True))


# A last batch of one decision would have no deviation, and make every weight NaN.
@pytest.mark.parametrize("mask", [0, 4])
@pytest.mark.parametrize("count", range(1, 8))
def test_every_number_of_decisions_can_be_learned_from(count: int, mask: int) -> None:
    learner = make_learner(spaces.Discrete(4), mask)
    learner.model.set_logger(_silent())
    seen = np.zeros(3, np.float32)
    for step in range(count):
        learner.act(DecisionBatch([SEAT], [seen], [np.ones(4, np.int8) if mask else None]))
        learner.record(SEAT, outcome_of("a_0", seen, float(step), "terminated" if step == count - 1 else ""))
    assert learner.update() == (count if count > 1 else 0)
    assert all(bool(parameter.isfinite().all()) for parameter in learner.model.policy.parameters())
    assert learner.model.batch_size == 2


def test_observations_may_be_dictionaries() -> None:
    learner = make_learner(spaces.Discrete(2), observations=spaces.Dict(near=BOX, kind=spaces.Discrete(3)))
    learner.model.set_logger(_silent())
    for step in range(4):
        seen = {"near": np.full(3, step / 10, np.float32), "kind": np.int64(step % 3)}
        learner.act(DecisionBatch([SEAT], [seen], [None]))
        learner.record(SEAT, outcome_of("a_0", seen, 1.0, "truncated" if step == 3 else ""))
    assert learner.update() == 4


def _silent() -> Any:
    from stable_baselines3.common.logger import Logger

    return Logger(None, [])
