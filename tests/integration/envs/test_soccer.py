"""Soccer on the real engine: PettingZoo's own tests, the rules, both teams alike, repeats, and the README."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from pages import table_rows
from pettingzoo.test import api_test, max_cycles_test, parallel_api_test, render_test, seed_test
from pettingzoo.test.state_test import state_test

from godot_marl.assets.install import prepare_example
from godot_marl.engine import Engine
from godot_marl.envs import soccer_v0
from godot_marl.game.project import Project
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

README = "envs/soccer/README.md"
AGENTS = ["red_0", "red_1", "blue_0", "blue_1"]
STAY = dict.fromkeys(AGENTS, 0)
HALF_LENGTH = 7.0
LENGTH_IN_STEPS = 120

Observation = np.ndarray[Any, Any]
Player = Callable[[Observation, None, np.random.Generator], int]


@pytest.fixture(scope="module")
def env() -> Iterator[GodotParallelEnv]:
    env = soccer_v0.parallel_env()
    yield env
    env.close()


def at_random(observation: Observation, mask: None, rng: np.random.Generator) -> int:
    return int(rng.integers(9))


def by_rule(observation: Observation, mask: None, rng: np.random.Generator) -> int:
    return int(soccer_v0.SCRIPTED["player"](observation, mask, rng))


class Match:
    """One episode between two players, and all that was seen in it."""

    def __init__(self, env: GodotParallelEnv, red: Player, blue: Player, seed: int) -> None:
        rng = np.random.default_rng(seed)
        observations, _ = env.reset(seed=seed)
        self.states = [env.state()]
        self.observations = [observations]
        self.rewards: list[dict[str, float]] = []
        self.infos: dict[str, Any] = {}
        while env.agents:
            actions = {
                agent: (red if agent.startswith("red") else blue)(observations[agent], None, rng) for agent in AGENTS
            }
            observations, rewards, self.terminations, self.truncations, self.infos = env.step(actions)
            self.states.append(env.state())
            self.observations.append(observations)
            self.rewards.append(rewards)

    @property
    def winner(self) -> str | None:
        winner: str | None = self.infos["red_0"].get("scored_by")
        return winner


# -- The contracts of the libraries ------------------------------------------------------------------------------------


def test_parallel_api(env: GodotParallelEnv) -> None:
    parallel_api_test(env, num_cycles=250)


def test_aec_api() -> None:
    env = soccer_v0.env()
    api_test(env, num_cycles=400)
    env.close()


def test_seeds_of_the_aec_form() -> None:
    seed_test(soccer_v0.env, num_cycles=100)


def test_state_of_the_arena() -> None:
    aec, parallel = soccer_v0.env(), soccer_v0.parallel_env()
    aec.reset(seed=1)
    parallel.reset(seed=1)
    state_test(aec, parallel)
    aec.close()
    parallel.close()


def test_max_cycles() -> None:
    max_cycles_test(soccer_v0)


@pytest.mark.usefixtures("display")
def test_render() -> None:
    render_test(functools.partial(soccer_v0.env, render_size=(320, 180)))


def test_agents_share_a_policy(env: GodotParallelEnv) -> None:
    env.reset(seed=1)
    assert env.possible_agents == AGENTS
    assert env.policies == dict.fromkeys(AGENTS, "player")


# -- The rules ---------------------------------------------------------------------------------------------------------


def test_a_goal_ends_the_episode_for_all(env: GodotParallelEnv) -> None:
    match = Match(env, by_rule, at_random, seed=1)
    assert match.winner == "red"
    assert set(match.terminations.values()) == {True}
    assert set(match.truncations.values()) == {False}
    assert {info["scored_by"] for info in match.infos.values()} == {"red"}
    assert match.states[-1][0] > 1.0 >= match.states[-2][0]
    for agent in AGENTS:
        assert match.rewards[-1][agent] == pytest.approx(1.0 if agent.startswith("red") else -1.0, abs=0.1)
        assert all(abs(rewards[agent]) < 0.1 for rewards in match.rewards[:-1])


def test_the_time_is_up_after_twenty_seconds(env: GodotParallelEnv) -> None:
    env.reset(seed=1)
    for step in range(1, LENGTH_IN_STEPS + 1):
        _, rewards, terminations, truncations, infos = env.step(STAY)
        assert env.state()[-1] == pytest.approx(1.0 - step / LENGTH_IN_STEPS)
        assert set(rewards.values()) == {0.0}
        assert not any(terminations.values())
        assert set(truncations.values()) == {step == LENGTH_IN_STEPS}
        assert all("scored_by" not in info for info in infos.values())
    assert env.agents == []


def test_rewards_are_the_changes_of_the_potential_and_the_goal(env: GodotParallelEnv) -> None:
    def potential(state: Observation, agent: str) -> float:
        place = 4 + 4 * AGENTS.index(agent)
        ball, own = state[0:2], state[place : place + 2]
        side = 1.0 if agent.startswith("red") else -1.0
        ahead = np.hypot(ball[0] + side, ball[1]) - np.hypot(ball[0] - side, ball[1])
        return float(0.1 * ahead - 0.2 * np.hypot(*(own - ball)))

    match = Match(env, by_rule, at_random, seed=1)
    for before, after, rewards in zip(match.states, match.states[1:], match.rewards, strict=False):
        goal = float(after[0] > 1.0) - float(after[0] < -1.0)
        for agent, reward in rewards.items():
            expected = potential(after, agent) - potential(before, agent)
            expected += goal if agent.startswith("red") else -goal
            assert reward == pytest.approx(expected, abs=1e-5)


def test_actions_run_in_the_teams_own_direction(env: GodotParallelEnv) -> None:
    for action, way in ((1, (1, 0)), (3, (0, 1)), (5, (-1, 0)), (7, (0, -1))):
        env.reset(seed=4)
        observations, *_ = env.step(dict.fromkeys(AGENTS, action))
        for agent, side in zip(AGENTS, (1, 1, -1, -1), strict=True):
            velocity = observations[agent][2:4]
            assert velocity.tolist() == pytest.approx(way, abs=0.5)
            place = 4 + 4 * AGENTS.index(agent)
            assert env.state()[place + 2 : place + 4].tolist() == pytest.approx(velocity * [side, 1])


def test_no_player_and_no_ball_leaves_the_field(env: GodotParallelEnv) -> None:
    # The middles of the bodies stay in front of the boards, and those of players in front of the goals.
    for seed in range(3):
        states = np.stack(Match(env, by_rule, by_rule, seed).states) * HALF_LENGTH
        assert np.abs(states[:, [4, 8, 12, 16]]).max() <= 7.0
        assert np.abs(states[:, [1, 5, 9, 13, 17]]).max() <= 4.5
        assert np.abs(states[:, 0]).max() <= 8.0


def test_observations_and_states_are_inside_the_bounds(env: GodotParallelEnv) -> None:
    space = env.observation_space("red_0")
    assert isinstance(space, gymnasium.spaces.Box)
    assert np.isfinite(space.low).all()
    assert np.isfinite(space.high).all()
    match = Match(env, by_rule, by_rule, seed=5)
    assert all(row in space for observations in match.observations for row in observations.values())
    assert all(state in env.state_space for state in match.states)


# -- Both teams alike --------------------------------------------------------------------------------------------------


def test_the_kick_off_is_the_same_for_both_teams(env: GodotParallelEnv) -> None:
    seen = set()
    for seed in range(20):
        observations, _ = env.reset(seed=seed)
        assert observations["red_0"].tobytes() == observations["blue_0"].tobytes()
        assert observations["red_1"].tobytes() == observations["blue_1"].tobytes()
        assert observations["red_0"].tobytes() != observations["red_1"].tobytes()
        seen.add(observations["red_0"].tobytes())
    assert len(seen) == 20


def test_blue_sees_the_mirrored_field(env: GodotParallelEnv) -> None:
    def view(state: Observation, agent: str) -> Observation:
        """What an agent sees, from the state alone."""
        mirror = np.array([1.0 if agent.startswith("red") else -1.0, 1.0])
        rows = {name: state[i : i + 4].reshape(2, 2) * mirror for name, i in zip(AGENTS, (4, 8, 12, 16), strict=True)}
        ball = state[0:4].reshape(2, 2) * mirror
        own = rows.pop(agent)
        mate = next(rows.pop(name) for name in AGENTS if name != agent and name[:3] == agent[:3])
        near, far = sorted(rows.values(), key=lambda row: np.hypot(*(row[0] - own[0])))
        parts = [own[0], own[1], ball[0] - own[0], ball[1]]
        for other in (mate, near, far):
            parts += [other[0] - own[0], other[1]]
        parts += [np.array([1.0, 0.0]) - own[0], np.array([-1.0, 0.0]) - own[0], state[20:]]
        return np.concatenate(parts)

    match = Match(env, by_rule, by_rule, seed=2)
    for state, observations in zip(match.states, match.observations, strict=True):
        for agent in AGENTS:
            np.testing.assert_allclose(observations[agent], view(state, agent), atol=1e-5)


def test_no_team_wins_the_first_duel_more_often(env: GodotParallelEnv) -> None:
    # Both teams do the same, so the ball stays on the halfway line until the engine's order of bodies matters.
    ways = []
    for seed in range(16):
        observations, _ = env.reset(seed=seed)
        while env.agents and env.state()[0] == 0.0:
            rng = np.random.default_rng(0)
            choice = [by_rule(observations[agent], None, rng) for agent in AGENTS[:2]]
            observations, *_ = env.step(dict(zip(AGENTS, choice * 2, strict=True)))
        ways.append(np.sign(env.state()[0]))
    assert 3 <= ways.count(1.0) <= 13


# -- The scripted player -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("team", ["red", "blue"])
def test_the_scripted_player_beats_the_random_one(env: GodotParallelEnv, team: str) -> None:
    players = (by_rule, at_random) if team == "red" else (at_random, by_rule)
    winners = [Match(env, *players, seed=100 + episode).winner for episode in range(10)]
    assert winners.count(team) >= 7


def test_an_episode_of_scripted_players_ends(env: GodotParallelEnv) -> None:
    match = Match(env, by_rule, by_rule, seed=3)
    assert 0 < len(match.rewards) <= LENGTH_IN_STEPS
    assert all(match.terminations.values()) != all(match.truncations.values())


# -- Repeats -----------------------------------------------------------------------------------------------------------

_PROCESS = """
import hashlib, json
import numpy as np
from godot_marl.envs import soccer_v0
env = soccer_v0.parallel_env()
digests = []
for seed in (11, 12, 13, 11, 12, 13):
    rng = np.random.default_rng(seed)
    observations, _ = env.reset(seed=seed)
    digest = hashlib.sha256()
    while env.agents:
        digest.update(env.state().tobytes())
        actions = {a: soccer_v0.SCRIPTED["player"](observations[a], None, rng) for a in env.agents}
        observations, *_ = env.step(actions)
    digest.update(env.state().tobytes())
    digests.append(digest.hexdigest())
env.close()
print(json.dumps(digests))
"""


def test_two_processes_and_later_episodes_see_the_same_bits(env: GodotParallelEnv) -> None:
    result = subprocess.run([sys.executable, "-c", _PROCESS], capture_output=True, text=True, check=True)
    digests = json.loads(result.stdout)
    assert digests[:3] == digests[3:]
    assert len(set(digests)) == 3
    # This process has played other episodes before.
    here = [Match(env, by_rule, by_rule, seed) for seed in (11, 12, 13)]
    assert [hashlib.sha256(np.stack(match.states).tobytes()).hexdigest() for match in here] == digests[:3]


# -- For people --------------------------------------------------------------------------------------------------------


def test_pictures_show_the_game() -> None:
    env = soccer_v0.parallel_env(render_mode="rgb_array", render_size=(320, 180))
    env.reset(seed=1)
    first = env.render()
    for _ in range(6):
        env.step(dict.fromkeys(AGENTS, 1))
    last = env.render()
    env.reset(seed=1)
    again = env.render()
    env.close()
    assert first is not None
    assert last is not None
    assert first.shape == (180, 320, 3)
    assert len(np.unique(first.reshape(-1, 3), axis=0)) > 100
    assert np.mean(first != last) > 0.01
    assert np.array_equal(first, again)


def test_the_game_plays_by_hand(engine: Engine, tmp_path: Path) -> None:
    game = tmp_path / "soccer"
    shutil.copytree(Project(prepare_example("soccer")).imported(engine).folder, game)
    scene = game / "soccer.tscn"
    enabled = scene.read_text(encoding="utf-8")
    scene.write_text(enabled.replace("step_length = 5", "enabled = false"), encoding="utf-8")
    assert scene.read_text(encoding="utf-8") != enabled
    probe = (
        "extends Node\n"
        "func _physics_process(_delta: float) -> void:\n"
        "\tvar arena: SoccerArena = get_parent()\n"
        "\tif arena.score.length() > 0.0:\n"
        '\t\tprint("a goal")\n'
        "\t\tget_tree().quit()\n"
    )
    (game / "probe.gd").write_text(probe, encoding="utf-8")
    text = scene.read_text(encoding="utf-8").replace(
        "[sub_resource", '[ext_resource type="Script" path="res://probe.gd" id="probe"]\n\n[sub_resource', 1
    )
    text += '\n[node name="Probe" type="Node" parent="."]\nscript = ExtResource("probe")\n'
    scene.write_text(text, encoding="utf-8")
    # No key is pressed, so red has one player too few.
    command = [str(engine.path), "--headless", "--path", str(game), "--fixed-fps", "30", "--quit-after", "60000"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "ERROR" not in result.stdout + result.stderr
    assert "a goal" in result.stdout


# -- The README --------------------------------------------------------------------------------------------------------


def test_readme_table_of_observations_is_the_live_space(env: GodotParallelEnv) -> None:
    rows = table_rows(README, "| Num | Observation | Min | Max | Unit |")
    for agent in AGENTS:
        space = env.observation_space(agent)
        assert isinstance(space, gymnasium.spaces.Box)
        assert [int(row[0]) for row in rows] == list(range(space.shape[0]))
        assert [np.float32(row[2]) for row in rows] == space.low.tolist()
        assert [np.float32(row[3]) for row in rows] == space.high.tolist()
    assert all(row[4] for row in rows)


def test_readme_table_of_the_state_is_the_live_space(env: GodotParallelEnv) -> None:
    rows = table_rows(README, "| Num | State |")
    assert [int(row[0]) for row in rows] == list(range(21))
    assert [np.float32(row[2]) for row in rows] == env.state_space.low.tolist()
    assert [np.float32(row[3]) for row in rows] == env.state_space.high.tolist()


def test_readme_table_of_actions_is_the_live_space(env: GodotParallelEnv) -> None:
    rows = table_rows(README, "| Num | Action |")
    for agent in AGENTS:
        space = env.action_space(agent)
        assert isinstance(space, gymnasium.spaces.Discrete)
        assert [int(row[0]) for row in rows] == list(range(int(space.n)))
