"""What a train.toml may say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from gymnasium import spaces
from pages import blocks

from godot_marl.assets.paths import example_folder, example_names
from godot_marl.errors import InvalidOptionError
from godot_marl.protocol.messages import AgentDescription, SceneDescription
from godot_marl.training import TrainingConfig


def scene(*agents: tuple[str, str]) -> SceneDescription:
    box, discrete = spaces.Box(-1, 1, (2,)), spaces.Discrete(3)
    descriptions = tuple(AgentDescription(name, f"/root/{name}", policy, box, discrete) for name, policy in agents)
    return SceneDescription(descriptions, step_length=1, physics_fps=60)


TAG = scene(("chaser_0", "chaser"), ("chaser_1", "chaser"), ("runner_0", "runner"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stepz = 1", "expected: the keys steps, max_episode_steps, checkpoint_every, "),
        ("steps = 0", "expected: steps as an integer of at least 1"),
        ("steps = true", "expected: steps as an integer of at least 1"),
        ("processes = 0", "expected: processes as an integer of at least 1\n  got: 0"),
        ("processes = '2'", "expected: processes as an integer of at least 1"),
        ("checkpoint_every = 1.5", "expected: checkpoint_every as an integer of at least 1"),
        ("steps =", "expected: a TOML file"),
        ("deterministic = 1", "expected: deterministic as true or false"),
        (
            "[opponents]\npast_selves = 2",
            "expected: a share from 0 to 1 for past_selves, scripted, random in [opponents]",
        ),
        (
            "[opponents]\npast_selves = 0.6\nrandom = 0.6",
            "at most 1 in all\n  got: {'past_selves': 0.6, 'random': 0.6}",
        ),
        ("[opponents]\npast_self = 0.6", "got: {'past_self': 0.6}"),
        ("opponent_sides = 'red'", "expected: opponent_sides as a list of sides"),
        ("ppo = 3", "expected: a table [ppo]"),
        ("[ppo]\nn_steps = 0", "expected: n_steps in [ppo] as an integer of at least 1"),
        ("[sides]\nred = 'red_0'", "expected: red in [sides] as a list of agents' names"),
        ("[policies.red]\nn_steps = 5", "expected: a table [policies.red] without n_steps"),
        ("stages = 3", "expected: tables [[stages]]"),
        ("[[stages]]\nfrom = 3", "expected: the keys from_step, opponents, opponent_sides, ppo, policies"),
        ("[[stages]]", "expected: from_step as an integer above 0"),
        ("[[stages]]\nfrom_step = 9\n[[stages]]\nfrom_step = 9", "expected: from_step as an integer above 9"),
        ("[[stages]]\nfrom_step = 9\nopponents = {scripted = 2}", "the stage from step 9\n  expected: a share from 0"),
        ("[[stages]]\nfrom_step = 9\nppo = {policy_kwargs = 1}", "expected: arguments that may change while a model"),
        ("[[stages]]\nfrom_step = 9\nppo = {learning_rate = 'x'}", "got: {'learning_rate': 'x'}"),
    ],
)
def test_an_invalid_setting_is_named(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "train.toml"
    path.write_text(text)
    with pytest.raises(InvalidOptionError) as caught:
        TrainingConfig.load(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="a TOML file"):
        TrainingConfig.load(tmp_path / "train.toml")


def test_another_scene_may_have_settings_of_its_own(tmp_path: Path) -> None:
    assert TrainingConfig.of_game(tmp_path, None) == TrainingConfig()
    (tmp_path / "train.toml").write_text("steps = 1")
    (tmp_path / "train.several.toml").write_text("steps = 2")
    assert TrainingConfig.of_game(tmp_path, None).steps == 1
    assert TrainingConfig.of_game(tmp_path, "several.tscn").steps == 2
    assert TrainingConfig.of_game(tmp_path, "res://scenes/several.tscn").steps == 2
    assert TrainingConfig.of_game(tmp_path, "other.tscn").steps == 1


@pytest.mark.parametrize("name", example_names())
def test_settings_of_every_example_can_be_used(name: str) -> None:
    files = list(example_folder(name).glob("train*.toml"))
    assert files
    for path in files:
        assert TrainingConfig.load(path).steps > 1


def test_the_settings_on_the_page_can_be_used() -> None:
    (text,) = blocks("docs/training.md", "toml")
    settings = TrainingConfig.of(tomllib.loads(text), "docs/training.md")
    chasers = [(f"chaser_{i}", "chaser") for i in range(3)]
    assert list(settings.sides_of(scene(*chasers, ("runner_0", "runner")))) == ["chasers", "runner"]
    assert settings.arguments_of("runner")["batch_size"] == 128


def test_the_page_says_what_holds_without_each_setting() -> None:
    (text,) = blocks("docs/training.md", "toml")
    settings = TrainingConfig()
    defaults = {
        "steps": settings.steps,
        "max_episode_steps": settings.max_episode_steps,
        "checkpoint_every": settings.checkpoint_every,
        "best_of": settings.best_of,
        "processes": settings.processes,
        "deterministic": settings.deterministic,
        "n_steps": settings.n_steps,
    }
    for name, default in defaults.items():
        # The first one: stages have an n_steps, too.
        line = re.search(rf"^{name} = .* # .*\(([\w,]+)[:;)]", text, re.MULTILINE)
        assert line, name
        assert line[1] == (f"{default:,}" if type(default) is int else str(default).lower()), name


def test_a_policy_may_have_arguments_of_its_own() -> None:
    settings = TrainingConfig(ppo={"gamma": 0.9, "n_steps": 16}, policies={"runner": {"gamma": 0.8}})
    assert settings.arguments_of("chaser") == {"gamma": 0.9, "n_steps": 16}
    assert settings.arguments_of("runner") == {"gamma": 0.8, "n_steps": 16}


def test_each_policy_is_a_side_by_default() -> None:
    assert TrainingConfig().sides_of(TAG) == {"chaser": ["chaser_0", "chaser_1"], "runner": ["runner_0"]}


def test_sides_may_be_named() -> None:
    sides = {"all": ["runner_0", "chaser_1", "chaser_0"]}
    assert TrainingConfig(sides=sides).sides_of(TAG) == sides


@pytest.mark.parametrize("names", [["chaser_0"], ["chaser_0", "chaser_0", "chaser_1", "runner_0"], ["nobody"]])
def test_every_agent_belongs_to_one_side(names: list[str]) -> None:
    with pytest.raises(InvalidOptionError, match="each agent once: chaser_0, chaser_1, runner_0"):
        TrainingConfig(sides={"all": names}).sides_of(TAG)


def test_opponents_of_an_unknown_side() -> None:
    with pytest.raises(InvalidOptionError, match="expected: sides: chaser, runner"):
        TrainingConfig(opponent_sides=["red"]).sides_of(TAG)


def test_arguments_for_an_unknown_policy() -> None:
    with pytest.raises(InvalidOptionError, match="policies of the scene: chaser, runner"):
        TrainingConfig(policies={"runer": {}}).sides_of(TAG)


def test_stages_change_what_comes_after_them() -> None:
    settings = TrainingConfig.of(
        tomllib.loads(
            """
            steps = 100
            [opponents]
            random = 0.5
            [ppo]
            gamma = 0.9
            n_steps = 16
            [policies.runner]
            ent_coef = 0.1
            [[stages]]
            from_step = 10
            opponents = { scripted = 0.8 }
            ppo = { n_steps = 32 }
            [[stages]]
            from_step = 20
            opponent_sides = ["chaser"]
            policies.runner.learning_rate = 0.1
            """
        ),
        "here",
    )
    at_first, later, at_last = settings.at(9), settings.at(10), settings.at(99)
    assert at_first.opponents == {"random": 0.5}
    assert at_first.n_steps == 16
    assert later.opponents == at_last.opponents == {"scripted": 0.8}
    assert (later.n_steps, list(later.opponent_sides)) == (32, [])
    assert list(at_last.opponent_sides) == ["chaser"]
    assert later.arguments_of("runner") == {"gamma": 0.9, "n_steps": 32, "ent_coef": 0.1}
    assert at_last.arguments_of("runner") == {"gamma": 0.9, "n_steps": 32, "ent_coef": 0.1, "learning_rate": 0.1}
    assert (settings.at(0).steps, settings.at(0).stages) == (100, [])


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ({"opponent_sides": ["red"]}, "expected: sides: chaser, runner"),
        ({"policies": {"runer": {}}}, "policies of the scene: chaser, runner"),
    ],
)
def test_stages_name_what_the_scene_has(stage: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidOptionError, match=expected):
        TrainingConfig(stages=[{"from_step": 5, **stage}]).sides_of(TAG)
