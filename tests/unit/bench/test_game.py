"""Which cases of a user's scene are measured, and with which actions."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from godot_marl.bench.cases import Form
from godot_marl.bench.game import GameCase, GameChoice
from godot_marl.bench.game_forms import RandomActions
from godot_marl.errors import InvalidOptionError
from godot_marl.protocol.messages import AgentDescription, SceneDescription


def scene_of(*policies: str, turns: bool = False, mask: int = 0) -> SceneDescription:
    agents = tuple(
        AgentDescription(f"a{i}", f"/root/A{i}", policy, spaces.Box(0, 1, (2,)), spaces.Discrete(4), mask)
        for i, policy in enumerate(policies)
    )
    return SceneDescription(agents, step_length=1, physics_fps=60, turns=turns)


def test_without_a_choice_pettingzoo_and_several_arenas_are_measured() -> None:
    assert GameChoice().select_cases(scene_of("a", "a")) == [
        GameCase("parallel", 1, 1, 2),
        GameCase("vector", 1, 1, 2),
        GameCase("vector", 4, 1, 8),
        GameCase("vector", 16, 1, 32),
    ]
    assert [case.copies for case in GameChoice().select_cases(scene_of("a"), quick=True)] == [1, 1, 4]


@pytest.mark.parametrize("scene", [scene_of("a", "b"), scene_of("a", "a", turns=True)], ids=["policies", "turns"])
def test_a_scene_that_is_no_vector_is_measured_in_pettingzoos_form(scene: SceneDescription) -> None:
    assert GameChoice().select_cases(scene) == [GameCase("parallel", 1, 1, 2)]


def test_a_choice_is_measured_in_all_combinations_that_are_possible() -> None:
    choice = GameChoice(["gymnasium", "sb3"], [1, 3], [1, 2])
    assert [str(case) for case in choice.select_cases(scene_of("a"))] == [
        "Gymnasium, 1 arena",
        "stable-baselines3, 1 arena",
        "stable-baselines3, 3 arenas",
        "stable-baselines3, 1 arena, 2 workers",
        "stable-baselines3, 3 arenas, 2 workers",
    ]


@pytest.mark.parametrize("form", ["parallel", "gymnasium"])
def test_a_choice_of_nothing_is_an_error(form: Form) -> None:
    with pytest.raises(InvalidOptionError, match="Nothing can be measured"):
        GameChoice([form], [2]).select_cases(scene_of("a"))


def test_actions_are_random_and_in_their_space() -> None:
    actions = RandomActions(scene_of("a", "a"))
    chosen = {actions.of_agent("a1", None) for _ in range(64)}
    assert chosen == {0, 1, 2, 3}
    choose = actions.choose_rows(6, list)
    batches = [choose() for _ in range(3)]
    assert all(batch.shape == (6,) and set(batch.tolist()) <= {0, 1, 2, 3} for batch in batches)
    assert batches[0].tolist() != batches[1].tolist()


def test_masks_are_obeyed_and_asked_for_each_time() -> None:
    actions = RandomActions(scene_of("a", mask=4))
    assert {actions.of_agent("a0", np.array([0, 1, 0, 1], np.int8)) for _ in range(32)} == {1, 3}
    masks = np.array([[1, 0, 0, 0], [0, 0, 0, 1]], np.int8)
    choose = actions.choose_rows(2, lambda: masks)
    assert choose().tolist() == [0, 3]
    masks = masks[::-1]
    assert choose().tolist() == [3, 0]
