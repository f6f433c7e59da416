"""Every form checks a seed in the same way, before a game starts, and says where it was given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from gymnasium import spaces

import godot_marl
from godot_marl.aec import GodotAECEnv
from godot_marl.cli import main
from godot_marl.core.arena import Arena
from godot_marl.errors import InvalidOptionError
from godot_marl.gymgodot.env import GymGodotServerEnv
from godot_marl.options import Options
from godot_marl.protocol.seeds import MAX_SEED, validate_optional_seed, validate_seed
from godot_marl.testing import Suite, check_scene
from godot_marl.training.config import TrainingConfig
from godot_marl.training.run_directory import RunDirectory
from godot_marl.vector.seeds import ArenaSeeds, seeds_of_arenas

GAME = "no_such_game"
RESET = "reset(seed=...)"
BAD: dict[str, Any] = {
    "negative": -1,
    "too large": 2**63,
    "of 5,001 digits": 10**5000,
    "a float": 1.0,
    "a boolean": True,
    "a string": "1",
    "bytes": b"1",
    "a float of NumPy": np.float64(1),
    "a boolean of NumPy": np.bool_(True),
    "negative, of NumPy": np.int64(-1),
    "too large, of NumPy": np.uint64(2**63),
    "an array of no dimension": np.array(1),
}


def server() -> GymGodotServerEnv:
    space = spaces.Discrete(2)
    return GymGodotServerEnv(serverIP="127.0.0.1", serverPort="8000", action_space=space, observation_space=space)


FORMS: dict[str, tuple[Callable[[Any], object], str]] = {
    "the option of parallel_env": (lambda seed: godot_marl.parallel_env(GAME, seed=seed), "seed"),
    "the option of env": (lambda seed: godot_marl.env(GAME, seed=seed), "seed"),
    "the option of vector_env": (lambda seed: godot_marl.vector_env(GAME, seed=seed), "seed"),
    "the option of GodotEnv": (lambda seed: godot_marl.GodotEnv(GAME, seed=seed), "seed"),
    "the option of Options": (lambda seed: Options.from_kwargs({"seed": seed}), "seed"),
    "reset of parallel_env": (lambda seed: godot_marl.parallel_env(GAME).reset(seed=seed), RESET),
    "reset of pad_agents": (lambda seed: godot_marl.pad_agents(godot_marl.parallel_env(GAME)).reset(seed=seed), RESET),
    "reset of an AEC environment": (lambda seed: GodotAECEnv(Arena(GAME, Options()), {}).reset(seed=seed), RESET),
    "reset of an arena": (lambda seed: Arena(GAME, Options()).reset(seed, None), RESET),
    "reset of GodotEnv": (lambda seed: godot_marl.GodotEnv(GAME).reset(seed=seed), RESET),
    "reset of GymGodot's games": (lambda seed: server().reset(seed=seed), RESET),
    "reset of the vector forms": (lambda seed: ArenaSeeds(2, 0).seeds_for_reset(seed), RESET),
    "an item of reset of the vector forms": (
        lambda seed: ArenaSeeds(2, 0).seeds_for_reset([None, seed]),
        f"{RESET}, item 1",
    ),
    "seed of the VecEnv": (lambda seed: seeds_of_arenas(seed, 2, "seed(seed=...)"), "seed(seed=...)"),
    "the check of a scene": (lambda seed: check_scene(GAME, seed=seed), "seed"),
    "the suite": (lambda seed: Suite(GAME, seed=seed), "seed"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_a_seed_is_an_error_that_names_where(form: str, bad: str) -> None:
    use, where = FORMS[form]
    with pytest.raises(InvalidOptionError) as error:
        use(BAD[bad])
    assert error.value.what == "A seed cannot be used."
    assert error.value.where == where
    assert error.value.expected == f"an integer from 0 to {2**63 - 1}"
    assert error.value.got == ("16610 bits" if bad == "of 5,001 digits" else repr(BAD[bad]))


@pytest.mark.parametrize("command", ["check cartpole", "evaluate run", "play cartpole", "train cartpole"])
@pytest.mark.parametrize("seed", ["-1", str(2**63)])
def test_the_commands_check_their_seeds(command: str, seed: str) -> None:
    result = CliRunner().invoke(main, [*command.split(), f"--seed={seed}"])
    assert result.exit_code == 2
    assert f"'--seed': give an integer from 0 to {2**63 - 1}; not {seed}." in result.output


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, "1", None])
def test_a_training_with_a_wrong_seed_is_an_error_that_names_the_file(seed: Any, tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "run", "cartpole", None, 1, TrainingConfig())
    path = tmp_path / "run" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": seed}))
    with pytest.raises(InvalidOptionError) as error:
        RunDirectory.open(tmp_path / "run")
    assert error.value.where == f"seed in {path}"


@pytest.mark.parametrize("seed", [0, 7, 2**31, MAX_SEED, np.int64(7), np.uint64(7), np.int8(7)], ids=repr)
def test_a_seed_of_numpy_is_the_same_seed_of_python(seed: Any) -> None:
    assert type(validate_seed(seed, "seed")) is int
    assert validate_optional_seed(seed, "seed") == seed
    assert type(Options.from_kwargs({"seed": seed}).seed) is int
    assert ArenaSeeds(1, seed).next.tolist() == ArenaSeeds(1, int(seed)).next.tolist()
    for given in (seed, [seed], (seed,), np.array([seed])):
        assert ArenaSeeds(1, 0).seeds_for_reset(given) == [int(seed)]


def test_no_seed_lets_a_generator_draw_one() -> None:
    assert validate_optional_seed(None, "seed") is None
    drawn = {tuple(ArenaSeeds(2, None).next.tolist()) for _ in range(3)}
    assert len(drawn) == 3


def test_the_seeds_of_all_arenas_must_be_in_range() -> None:
    assert seeds_of_arenas(MAX_SEED - 1, 2, "seed") == [MAX_SEED - 1, MAX_SEED]
    for use in (lambda: ArenaSeeds(3, MAX_SEED - 1), lambda: ArenaSeeds(3, 0).seeds_for_reset(MAX_SEED - 1)):
        with pytest.raises(InvalidOptionError) as error:
            use()
        assert str(error.value.where).endswith(", of the last of 3 arenas")
