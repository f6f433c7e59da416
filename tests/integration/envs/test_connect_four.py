"""Connect Four on the real engine: its rules against a small model of them, PettingZoo's own tests, and its README."""

from __future__ import annotations

import functools
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from connect_four_model import Model, all_kinds_of_games, random_game
from pages import table_rows
from pettingzoo import AECEnv
from pettingzoo.test import api_test, render_test, seed_test
from pettingzoo.test.state_test import test_state as validate_state
from pettingzoo.test.state_test import test_state_space as check_state_space

import godot_marl
from godot_marl.assets.install import prepare_example
from godot_marl.engine import Engine
from godot_marl.envs import connect_four_v0
from godot_marl.errors import SceneError
from godot_marl.game.project import Project

pytestmark = pytest.mark.godot

TurnEnv = AECEnv[str, Any, Any]
README = "envs/connect_four/README.md"
TYPIST = Path(__file__).with_name("connect_four_typist.gd")
PLAYERS = ["player_0", "player_1"]
scripted = connect_four_v0.SCRIPTED["player"]


def play_as_the_model(env: TurnEnv, moves: list[int], seed: int | None = None) -> Model:
    """Play the moves on the engine, and compare everything with the model after each."""
    env.reset(seed=seed)
    model = Model()
    for column in moves:
        assert env.agent_selection == PLAYERS[model.turn]
        mover = model.turn
        model.play(column)
        env.step(column)
        for player, agent in enumerate(PLAYERS):
            seen = env.observe(agent)
            assert np.array_equal(seen["observation"][:84].reshape(6, 7, 2), model.view(player))
            assert np.array_equal(seen["observation"][84:], model.outlook(player))
            assert seen["action_mask"].tolist() == [int(height < 6) for height in model.heights]
            assert env.rewards[agent] == model.rewards[player]
            assert env.terminations[agent] is model.over
            assert env.truncations[agent] is False
        assert np.array_equal(env.state()[:-1].reshape(6, 7, 2), model.view(0))
        assert env.state()[-1] == (mover if model.over else 1 - mover)
    return model


def play_match(env: TurnEnv, policies: dict[str, Any], rng: np.random.Generator) -> dict[str, float]:
    """Play a game of two policies to its end, and return what each player earned in all."""
    env.reset()
    totals = dict.fromkeys(PLAYERS, 0.0)
    for agent in env.agent_iter(50):
        observation, reward, terminated, truncated, _ = env.last()
        totals[agent] += reward
        over = terminated or truncated
        env.step(None if over else policies[agent](observation["observation"], observation["action_mask"], rng))
    assert env.agents == []
    return totals


def choose_at_random(_: np.ndarray[Any, Any], mask: np.ndarray[Any, Any], rng: np.random.Generator) -> int:
    return int(rng.choice(np.flatnonzero(mask)))


@pytest.fixture(scope="module")
def env() -> Iterator[TurnEnv]:
    env = connect_four_v0.env()
    yield env
    env.close()


# -- The contracts of PettingZoo ---------------------------------------------------------------------------------------


# A game begins with an empty board: zeros.
@pytest.mark.filterwarnings("ignore:Observation numpy array is all zeros:UserWarning")
# A masked observation is a Dict, as in PettingZoo's classic games.
@pytest.mark.filterwarnings("ignore:Observation space for each agent probably should be:UserWarning")
@pytest.mark.filterwarnings("ignore:Observation is not a NumPy array:UserWarning")
def test_aec_api(env: TurnEnv) -> None:
    api_test(env, num_cycles=500)


def test_seeds_of_the_aec_form() -> None:
    seed_test(connect_four_v0.env, num_cycles=100)


@pytest.mark.filterwarnings("ignore:State numpy array is all zeros:UserWarning")
def test_state_of_the_arena(env: TurnEnv) -> None:
    check_state_space(env)
    validate_state(env, num_cycles=30)


def test_max_cycles_truncates_both() -> None:
    env = connect_four_v0.env(max_cycles=5)
    env.reset(seed=1)
    for move in range(5):
        assert not any(env.truncations.values())
        env.step(move)
    assert env.truncations == dict.fromkeys(PLAYERS, True)
    assert env.terminations == dict.fromkeys(PLAYERS, False)
    env.close()


@pytest.mark.usefixtures("display")
def test_render() -> None:
    render_test(functools.partial(connect_four_v0.env, render_size=(320, 180)))


def test_there_is_no_parallel_form() -> None:
    assert not hasattr(connect_four_v0, "parallel_env")
    env = godot_marl.parallel_env(prepare_example("connect_four"))
    with pytest.raises(SceneError) as caught:
        env.reset(seed=1)
    assert caught.value.what == "The agents of this scene take turns, and all agents of a ParallelEnv act at once."


def test_both_players_share_a_policy_and_the_module_has_a_name(env: TurnEnv) -> None:
    assert env.unwrapped.policies == dict.fromkeys(PLAYERS, "player")
    assert env.metadata["name"] == "connect_four_v0"
    assert env.unwrapped.render_mode is None


# -- The rules ---------------------------------------------------------------------------------------------------------


def test_each_of_the_69_lines_wins(env: TurnEnv) -> None:
    games, _ = all_kinds_of_games()
    assert len(games) == 69
    for line, moves in games.items():
        model = play_as_the_model(env, moves)
        assert model.won == [line]
        assert sorted(env.rewards.values()) == [-1.0, 1.0]


def test_a_full_board_without_a_line_is_a_draw(env: TurnEnv) -> None:
    _, games = all_kinds_of_games()
    for moves in games:
        play_as_the_model(env, moves)
        assert len(moves) == 42
        assert env.rewards == {"player_0": 0.0, "player_1": 0.0}
        assert env.terminations == {"player_0": True, "player_1": True}


def test_random_games_are_those_of_the_model(env: TurnEnv) -> None:
    rng = np.random.default_rng(8)
    for _ in range(60):
        play_as_the_model(env, random_game(rng).moves)


def test_discs_that_are_neighbours_only_across_an_edge_are_no_line(env: TurnEnv) -> None:
    # Player 0 has the three upper holes of column 1 and the lowest one of column 2.
    play_as_the_model(env, [1, 0, 2, 0, 1, 0, 0, 6, 0, 6, 0, 5])
    assert env.terminations == {"player_0": False, "player_1": False}


def test_more_than_four_in_a_line_win(env: TurnEnv) -> None:
    model = play_as_the_model(env, [0, 0, 1, 1, 2, 2, 4, 4, 5, 5, 6, 6, 3])
    assert len(model.won) == 4
    assert env.rewards == {"player_0": 1.0, "player_1": -1.0}


@pytest.mark.parametrize("before", [[], [6]])
def test_a_disc_for_a_full_column_loses(env: TurnEnv, before: list[int]) -> None:
    moves = [*before, 2, 2, 2, 2, 2, 2, 2]
    loser = PLAYERS[(len(moves) - 1) % 2]
    play_as_the_model(env, moves[:-1])
    assert env.observe(loser)["action_mask"].tolist() == [1, 1, 0, 1, 1, 1, 1]
    seen = env.observe(loser)["observation"].copy()
    env.step(2)
    assert env.rewards == {agent: -1.0 if agent == loser else 0.0 for agent in PLAYERS}
    assert env.terminations == {"player_0": True, "player_1": True}
    assert np.array_equal(env.observe(loser)["observation"], seen)


def test_every_move_counts_once_however_long_a_step_is() -> None:
    env = connect_four_v0.env(step_length=4)
    play_as_the_model(env, [3, 3, 3, 3, 3, 3, 2, 4, 2, 4, 2, 4, 2])
    assert env.rewards == {"player_0": 1.0, "player_1": -1.0}
    env.close()


def test_seeds_change_nothing(env: TurnEnv) -> None:
    moves = random_game(np.random.default_rng(2)).moves
    other = connect_four_v0.env(seed=77)
    for seed in (0, 1, 2**31 - 1):
        play_as_the_model(env, moves, seed=seed)
        play_as_the_model(other, moves, seed=seed)
        for agent in PLAYERS:
            assert env.observe(agent)["observation"].tobytes() == other.observe(agent)["observation"].tobytes()
    other.close()


# -- The scripted player -----------------------------------------------------------------------------------------------


def test_the_scripted_player_beats_the_random_one(env: TurnEnv) -> None:
    rng = np.random.default_rng(3)
    earned = []
    for game in range(20):
        own, other = PLAYERS[game % 2], PLAYERS[1 - game % 2]
        earned.append(play_match(env, {own: scripted, other: choose_at_random}, rng)[own])
    assert earned.count(1.0) >= 18


def test_a_game_of_two_scripted_players_ends(env: TurnEnv) -> None:
    totals = play_match(env, dict.fromkeys(PLAYERS, scripted), np.random.default_rng(1))
    assert sum(totals.values()) == 0.0


# -- Images and human players ------------------------------------------------------------------------------------------


def test_frames_show_the_state_that_they_were_taken_in() -> None:
    env = connect_four_v0.env(render_mode="rgb_array", render_size=(320, 180))
    frames = []
    for _ in range(2):
        env.reset(seed=1)
        frames.append(env.render())
        for move in (0, 6, 0, 6, 0, 6):
            env.step(move)
            frames.append(env.render())
        env.step(0)
        frames.append(env.render())
    env.close()
    first, again = frames[:8], frames[8:]
    assert all(frame.shape == (180, 320, 3) and frame.dtype == np.uint8 for frame in frames)
    # Nothing falls and nothing is left over from the last game: the same moves give the same frames.
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    # Each move shows where it is: column 1 on the left side, column 7 on the right one.
    changed = [np.argwhere((a != b).any(axis=2))[:, 1] for a, b in itertools.pairwise(first)]
    assert [int(columns.min()) < 110 for columns in changed] == [True, False] * 3 + [True]
    # The last move wins: besides the disc, the marks are on all four.
    assert len(np.unique(np.argwhere((first[-1] != first[-2]).any(axis=2))[:, 0])) > 60


def test_the_keys_of_a_person(engine: Engine, tmp_path: Path) -> None:
    game = tmp_path / "game"
    shutil.copytree(prepare_example("connect_four"), game)
    scene = (game / "connect_four.tscn").read_text()
    bridge = '[node name="MarlBridge" type="Node" parent="."]\n'
    assert bridge in scene
    script = 'script = ExtResource("1_bridge")\n'
    (game / "connect_four.tscn").write_text(scene.replace(bridge + script, bridge + script + "enabled = false\n"))
    shutil.copy(TYPIST, game / "typist.gd")
    Project(game).imported(engine)
    command = [str(engine.path), "--headless", "--path", str(game), "--script", "res://typist.gd"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "ERROR" not in done.stdout + done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert rows == [
        [
            *([1, 1, False], [2, 0, False], [3, 1, False], [4, 0, False]),
            *([4, 0, False], [4, 0, False], [5, 1, False], [6, 0, False]),
            6,  # a key that is held down is one press
            [0, True],  # the fourth disc in column 1
            True,  # letting go of the key begins no game
            [0, False],  # the next key does, and makes no move
            [],
            [[2], [], 0],  # a press is one answer, and only the bridge makes a move of it
            [],  # pressed for a move that another player has made
            [],  # the column is full
            [],  # pressed in the game before
        ]
    ]


# -- The README --------------------------------------------------------------------------------------------------------


def table_bounds(header: str) -> dict[int, tuple[float, float]]:
    """The bounds in a table whose numbers may be written as 14r + 2c + 1, by number."""
    bounds = {}
    for number, _, low, high, unit in table_rows(README, header):
        assert unit
        if match := re.fullmatch(r"14r \+ 2c(?: \+ (\d))?", number):
            numbers = [14 * r + 2 * c + int(match[1] or 0) for r in range(6) for c in range(7)]
        elif match := re.fullmatch(r"(\d+) \+ c", number):
            numbers = [int(match[1]) + c for c in range(7)]
        else:
            numbers = [int(number)]
        assert bounds.keys().isdisjoint(numbers)
        bounds.update(dict.fromkeys(numbers, (float(low), float(high))))
    return bounds


def assert_is_box(bounds: dict[int, tuple[float, float]], box: gymnasium.spaces.Space[Any]) -> None:
    assert isinstance(box, gymnasium.spaces.Box)
    assert box.dtype == np.float32
    assert sorted(bounds) == list(range(box.shape[0]))
    assert [bounds[i] for i in range(box.shape[0])] == list(zip(box.low.tolist(), box.high.tolist(), strict=True))


def test_readme_tables_are_the_live_spaces(env: TurnEnv) -> None:
    for agent in PLAYERS:
        space = env.observation_space(agent)
        assert isinstance(space, gymnasium.spaces.Dict)
        assert_is_box(table_bounds("| Num | Observation | Min | Max | Unit |"), space["observation"])
        action_space = env.action_space(agent)
        assert isinstance(action_space, gymnasium.spaces.Discrete)
        actions = [int(row[0]) for row in table_rows(README, "| Num | Action |")]
        assert actions == list(range(int(action_space.n)))
    assert_is_box(table_bounds("| Num | State | Min | Max | Unit |"), env.unwrapped.state_space)


def test_readme_table_of_rewards(env: TurnEnv) -> None:
    rewards = {row[0]: [float(cell) for cell in row[1:]] for row in table_rows(README, "| End |")}
    won, drawn = all_kinds_of_games()
    games = {
        "Four in a line": next(iter(won.values())),
        "Draw": drawn[0],
        "Disc for a full column (illegal)": [3] * 7,
    }
    assert rewards.keys() == games.keys()
    for end, moves in games.items():
        model = play_as_the_model(env, moves)
        assert [env.rewards[PLAYERS[model.turn]], env.rewards[PLAYERS[1 - model.turn]]] == rewards[end]
