"""Opponents that do not learn, and how often they play."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from godot_marl.errors import InvalidOptionError, InvalidSpaceError
from godot_marl.protocol.messages import AgentDescription, SceneDescription
from godot_marl.protocol.space_kinds.kind import LeafKind
from godot_marl.protocol.space_kinds.registry import KINDS
from godot_marl.training import TrainingConfig
from godot_marl.training.models import load_models, new_models, representatives, save_models
from godot_marl.training.opponents import Opponents
from godot_marl.training.players import DecisionBatch, PolicyPlayer, RandomPlayer, ScriptedPlayer

BOX, DISCRETE = spaces.Box(-1, 1, (2,)), spaces.Discrete(3)
LEAVES = [BOX, DISCRETE, spaces.MultiDiscrete([2, 3]), spaces.MultiBinary(2)]
SIDES = {"red": ["red_0", "red_1"], "blue": ["blue_0"]}


def agent(name: str, policy: str = "player", **changes: Any) -> AgentDescription:
    members = {"observation_space": BOX, "action_space": DISCRETE, **changes}
    return AgentDescription(name, f"/root/{name}", policy, **members)


SCENE = SceneDescription((agent("red_0"), agent("red_1"), agent("blue_0")), step_length=1, physics_fps=60)


def scripted(observation: np.ndarray[Any, Any], mask: np.ndarray[Any, Any] | None, rng: np.random.Generator) -> int:
    return 2


def opponents(shares: Mapping[str, float], checkpoint: Path | None = None) -> Opponents:
    drawn = Opponents(TrainingConfig(opponents=shares), SCENE, {"player": scripted}, seed=1)
    if checkpoint is not None:
        drawn.remember(checkpoint)
    return drawn


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_models(new_models(SCENE, TrainingConfig(ppo={"n_steps": 2, "batch_size": 2}), seed=0), folder)
    return folder


def test_opponents_play_one_side_as_often_as_the_settings_say(checkpoint: Path) -> None:
    drawn = opponents({"past_selves": 0.2, "scripted": 0.3, "random": 0.1}, checkpoint)
    kinds: Counter[str] = Counter()
    for _ in range(3000):
        cast = drawn.draw(SIDES)
        assert sorted(cast) in ([], ["red_0", "red_1"], ["blue_0"])
        kinds[type(cast["red_0" if "red_0" in cast else "blue_0"]).__name__ if cast else "nobody"] += 1
        kinds["red" if "red_0" in cast else "blue"] += bool(cast)
    for kind, share in ((PolicyPlayer, 0.2), (ScriptedPlayer, 0.3), (RandomPlayer, 0.1)):
        assert kinds[kind.__name__] / 3000 == pytest.approx(share, abs=0.03)
    assert kinds["nobody"] / 3000 == pytest.approx(0.4, abs=0.03)
    assert kinds["red"] / 3000 == pytest.approx(0.3, abs=0.03)


def test_opponents_may_keep_to_one_side() -> None:
    drawn = Opponents(TrainingConfig(opponents={"random": 1.0}, opponent_sides=["blue"]), SCENE, {}, seed=1)
    assert all(list(drawn.draw(SIDES)) == ["blue_0"] for _ in range(50))


def test_a_side_that_is_named_several_times_has_more_weight() -> None:
    names = ["red", "red", "red", "blue"]
    drawn = Opponents(TrainingConfig(opponents={"random": 1.0}, opponent_sides=names), SCENE, {}, seed=1)
    red = sum("red_0" in drawn.draw(SIDES) for _ in range(2000))
    assert red / 2000 == pytest.approx(0.75, abs=0.03)


def test_opponents_follow_the_stages(checkpoint: Path) -> None:
    stages = [{"from_step": 10, "opponents": {"past_selves": 1.0}, "opponent_sides": ["red"]}]
    drawn = Opponents(TrainingConfig(opponents={"random": 1.0}, stages=stages), SCENE, {}, seed=1)
    drawn.remember(checkpoint)
    assert isinstance(next(iter(drawn.draw(SIDES, 9).values())), RandomPlayer)
    assert all(list(drawn.draw(SIDES, 10)) == ["red_0", "red_1"] for _ in range(20))
    assert isinstance(drawn.draw(SIDES, 10)["red_0"], PolicyPlayer)


def test_before_the_first_checkpoint_all_sides_learn() -> None:
    assert opponents({"past_selves": 1.0}).draw(SIDES) == {}


def test_a_single_side_has_no_opponents(checkpoint: Path) -> None:
    drawn = opponents({"past_selves": 0.5, "random": 0.5}, checkpoint)
    assert drawn.draw({"all": ["red_0", "red_1", "blue_0"]}) == {}


def test_a_game_without_scripted_opponents_has_none() -> None:
    with pytest.raises(InvalidOptionError, match="no scripted opponent for the policy 'player'"):
        Opponents(TrainingConfig(opponents={"scripted": 0.1}), SCENE, {}, seed=1)


def test_players_act_for_all_their_agents_and_respect_masks() -> None:
    mask = np.array([0, 1, 0], np.int8)
    views = DecisionBatch([(0, "a"), (0, "b")], [BOX.sample(), BOX.sample()], [mask, mask])
    assert RandomPlayer(DISCRETE, seed=1).act(views) == [1, 1]
    assert ScriptedPlayer(scripted, seed=1).act(views) == [2, 2]
    parts = DecisionBatch([(0, "a")], [BOX.sample()], [np.array([0, 1, 1, 0, 0], np.int8)])
    assert RandomPlayer(spaces.MultiDiscrete([2, 3]), seed=1).act(parts)[0].tolist() == [1, 0]


def test_random_players_repeat_with_their_seed_and_leave_the_space_alone() -> None:
    views = DecisionBatch([(0, "a")] * 50, [BOX.sample()] * 50, [None] * 50)
    DISCRETE.seed(5)
    first = DISCRETE.sample()
    DISCRETE.seed(5)
    drawn = [RandomPlayer(DISCRETE, seed).act(views) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert DISCRETE.sample() == first


# -- Models ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (agent("b", observation_space=spaces.Box(-1, 1, (3,))), "the observation space"),
        (agent("b", action_space=spaces.Discrete(2)), "the action space"),
        (agent("b", action_mask=3), "the size of the action mask"),
    ],
)
def test_agents_of_one_policy_need_the_same_spaces(other: AgentDescription, what: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"expected: {what}"):
        representatives(SceneDescription((agent("a"), other), 1, 60))


@pytest.mark.parametrize(
    "changes",
    [
        {"action_space": spaces.Dict(a=DISCRETE)},
        {"action_space": spaces.Text(3)},
        {"action_space": spaces.Discrete(3, start=1)},
        {"observation_space": spaces.Tuple([BOX])},
        {"observation_space": spaces.Text(3)},
        {"observation_space": spaces.Discrete(3, start=1)},
        {"observation_space": spaces.Dict(a=spaces.Dict(b=BOX))},
        {"observation_space": spaces.Dict(a=spaces.Tuple([BOX]), b=BOX)},
    ],
)
def test_spaces_that_ppo_cannot_learn_are_an_error_before_training(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError, match="PPO cannot learn an agent with these spaces"):
        new_models(SceneDescription((agent("a", **changes),), 1, 60), TrainingConfig(), seed=1)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if isinstance(kind, LeafKind)], ids=lambda kind: kind.wire_type
)
def test_ppo_learns_spaces_of_each_kind_of_leaf(kind: LeafKind[Any]) -> None:
    """A new kind that stable-baselines3 does not know belongs to those that are refused."""
    (space,) = (space for space in LEAVES if isinstance(space, kind.space_type))
    for changes in ({"observation_space": space}, {"observation_space": spaces.Dict(a=space)}, {"action_space": space}):
        changed = agent("a", **changes)
        model = new_models(SceneDescription((changed,), 1, 60), TrainingConfig(), seed=2**40)["player"]
        action, _ = model.predict(changed.observation_space.sample())
        assert changed.action_space.contains(np.asarray(action).astype(changed.action_space.dtype))


def test_an_action_mask_of_another_size_is_an_error_before_training() -> None:
    with pytest.raises(InvalidSpaceError, match=r"get_action_mask\(\)"):
        new_models(SceneDescription((agent("a", action_mask=DISCRETE.n + 1),), 1, 60), TrainingConfig(), seed=1)


def test_models_come_back_as_they_were_saved(checkpoint: Path) -> None:
    observation = BOX.sample()
    first, second = (load_models(checkpoint, SCENE)["player"] for _ in range(2))
    assert first.predict(observation, deterministic=True) == second.predict(observation, deterministic=True)


def test_models_of_another_scene(checkpoint: Path) -> None:
    other = SceneDescription((agent("a", action_space=spaces.Discrete(7)),), 1, 60)
    with pytest.raises(InvalidOptionError, match="trained with other spaces"):
        load_models(checkpoint, other)
