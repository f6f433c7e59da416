"""Tag on the real engine: PettingZoo's own tests, the rules, what agents see, the scripted players, and its README."""

from __future__ import annotations

import functools
import json
import math
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
from godot_marl.envs import tag_v0
from godot_marl.game.project import Project
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

Array = np.ndarray[Any, Any]

README = "envs/tag/README.md"
TYPIST = Path(__file__).with_name("tag_typist.gd")
CHASERS = ["chaser_0", "chaser_1", "chaser_2"]
RUNNER = "runner_0"
AGENTS = [*CHASERS, RUNNER]
SIZES = {"chaser": 21, "runner": 25}
LENGTH = 456.0
RADII = np.array([16.0, 16.0, 16.0, 13.0])
# In pixels from the middle of the floor, as in tag.tscn: middle and half size of the bars, middle and radius of the
# pillars.
BARS = [((-248.0, -92.0), (75.0, 16.0)), ((248.0, 92.0), (75.0, 16.0))]
PILLARS = [((0.0, 0.0), 58.0), ((-248.0, 96.0), 36.0), ((248.0, -96.0), 36.0)]
HALF_FLOOR = np.array([456.0, 228.0])
WAYS = [(round(math.cos(i * math.pi / 4), 9), round(math.sin(i * math.pi / 4), 9)) for i in range(8)]

# PettingZoo's warnings about agents of several kinds, which is what this scene has.
several_kinds = [
    pytest.mark.filterwarnings("ignore:Observations are different shapes:UserWarning"),
    pytest.mark.filterwarnings("ignore:Agents have different observation space sizes:UserWarning"),
]


def of_several_kinds(test: Callable[..., None]) -> Callable[..., None]:
    for mark in several_kinds:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def env() -> Iterator[GodotParallelEnv]:
    env = tag_v0.parallel_env()
    yield env
    env.close()


def places(env: GodotParallelEnv) -> Array:
    """Where the four are, in pixels from the middle of the floor."""
    return env.state()[:16].reshape(4, 4)[:, :2].astype(float) * LENGTH


def gap_to_obstacles(place: Array) -> float:
    """How far a point is from the nearest wall or obstacle."""
    gaps = [*(HALF_FLOOR - np.abs(place))]
    gaps += [np.hypot(*(place - np.array(middle))) - radius for middle, radius in PILLARS]
    gaps += [np.hypot(*np.maximum(np.abs(place - np.array(middle)) - half, 0.0)) for middle, half in BARS]
    return float(min(gaps))


def ray_length(place: Array, way: tuple[float, float]) -> float:
    """How far it is to the nearest wall or obstacle in a direction, worked out without the engine."""
    found = [200.0]
    direction = np.array(way)
    with np.errstate(divide="ignore"):
        found.append(
            float(np.min(np.where(direction != 0.0, (np.sign(direction) * HALF_FLOOR - place) / direction, 1e9)))
        )
        for middle, half in BARS:
            sides = np.sort((np.array([[-1.0], [1.0]]) * np.array(half) + middle - place) / direction, axis=0)
            enter, leave = np.max(sides[0]), np.min(sides[1])
            if 0.0 <= enter <= leave:
                found.append(float(enter))
    for middle, radius in PILLARS:
        to_middle = np.array(middle) - place
        along = float(to_middle @ direction)
        inside = radius**2 - (float(to_middle @ to_middle) - along**2)
        if along > 0.0 and inside > 0.0:
            found.append(along - np.sqrt(inside))
    return min(found)


def still(observation: Array, mask: Array | None, rng: np.random.Generator) -> int:
    return 0


def random(observation: Array, mask: Array | None, rng: np.random.Generator) -> int:
    return int(rng.integers(9))


class Episode:
    """One episode, played to its end, and all that was answered."""

    def __init__(
        self, env: GodotParallelEnv, seed: int, chaser: Callable[..., int], runner: Callable[..., int]
    ) -> None:
        rng = np.random.default_rng(seed)
        observations, _ = env.reset(seed=seed)
        self.starts = places(env)
        self.returns = dict.fromkeys(AGENTS, 0.0)
        self.steps = 0
        while env.agents:
            policies = {agent: runner if agent == RUNNER else chaser for agent in AGENTS}
            actions = {agent: policies[agent](observations[agent], None, rng) for agent in AGENTS}
            observations, self.rewards, self.terminations, self.truncations, self.infos = env.step(actions)
            for agent in AGENTS:
                self.returns[agent] += self.rewards[agent]
            self.steps += 1
        self.ends = places(env)
        self.survived = self.truncations[RUNNER]


# -- The contracts of the libraries ------------------------------------------------------------------------------------


def test_agents_and_policies(env: GodotParallelEnv) -> None:
    assert env.possible_agents == AGENTS
    assert env.policies == {agent: agent[:-2] for agent in AGENTS}
    assert set(tag_v0.SCRIPTED) == set(env.policies.values())
    for agent in AGENTS:
        space = env.observation_space(agent)
        assert isinstance(space, gymnasium.spaces.Box)
        assert space.shape == (SIZES[env.policies[agent]],)
        assert np.isfinite(space.low).all()
        assert np.isfinite(space.high).all()
        assert np.abs(space.high).max() <= 2.0


def test_parallel_api(env: GodotParallelEnv) -> None:
    parallel_api_test(env, num_cycles=500)


@of_several_kinds
def test_aec_api() -> None:
    env = tag_v0.env()
    api_test(env, num_cycles=500)
    env.close()


def test_seeds_of_the_aec_form() -> None:
    seed_test(tag_v0.env, num_cycles=200)


def test_state_of_the_arena() -> None:
    aec, parallel = tag_v0.env(), tag_v0.parallel_env()
    aec.reset(seed=1)
    observations, _ = parallel.reset(seed=1)
    rows = parallel.state()[:16].reshape(4, 4)
    for row, agent in zip(rows, AGENTS, strict=True):
        assert np.array_equal(row, observations[agent][:4])
    state_test(aec, parallel)
    aec.close()
    parallel.close()


def test_max_cycles() -> None:
    max_cycles_test(tag_v0)


@pytest.mark.usefixtures("display")
def test_render() -> None:
    render_test(functools.partial(tag_v0.env, render_size=(320, 180)))


# -- The rules ---------------------------------------------------------------------------------------------------------


def test_a_catch_ends_the_episode_for_all(env: GodotParallelEnv) -> None:
    for seed in range(5):
        episode = Episode(env, seed, tag_v0.scripted_chaser, still)
        assert episode.terminations == dict.fromkeys(AGENTS, True)
        assert episode.truncations == dict.fromkeys(AGENTS, False)
        distances = np.hypot(*(episode.ends[:3] - episode.ends[3]).T)
        touching = [chaser for chaser, distance in zip(CHASERS, distances, strict=True) if distance <= 31.001]
        for agent in AGENTS:
            assert episode.infos[agent]["caught_by"] in touching
        # The catch is shared; what is beside it is each chaser's own approach from the first place to the last.
        before = np.hypot(*(episode.starts[:3] - episode.starts[3]).T)
        approach = 0.25 * (before - distances) / LENGTH
        earned = np.array([episode.returns[chaser] for chaser in CHASERS])
        assert earned == pytest.approx(1.0 + approach, abs=1e-4)
        assert episode.rewards[RUNNER] == -1.0
        assert episode.returns[RUNNER] == pytest.approx(0.01 * (episode.steps - 1) - 1.0)


def test_the_time_limit_truncates_all(env: GodotParallelEnv) -> None:
    episode = Episode(env, 1, still, still)
    assert episode.steps == tag_v0.MAX_CYCLES
    assert episode.terminations == dict.fromkeys(AGENTS, False)
    assert episode.truncations == dict.fromkeys(AGENTS, True)
    assert episode.returns[RUNNER] == pytest.approx(2.0)
    assert [episode.returns[chaser] for chaser in CHASERS] == [0.0, 0.0, 0.0]
    assert np.array_equal(episode.starts, episode.ends)
    assert "caught_by" not in episode.infos[RUNNER]


def test_the_time_limit_is_20_seconds_with_every_step_length() -> None:
    env = tag_v0.parallel_env(step_length=30)
    assert Episode(env, 1, still, still).steps == 40
    env.close()


def test_starting_places_are_free_and_apart(env: GodotParallelEnv) -> None:
    seen = set()
    for seed in range(60):
        env.reset(seed=seed)
        there = places(env)
        seen.add(there.tobytes())
        for place, radius in zip(there, RADII, strict=True):
            assert gap_to_obstacles(place) >= radius + 5.99
        distances = np.hypot(*(there[:, None] - there[None]).transpose(2, 0, 1))
        assert distances[:3, 3].min() >= 169.9
        assert distances[[0, 0, 1], [1, 2, 2]].min() >= 59.9
    assert len(seen) == 60


def test_agents_do_not_overlap_walls_obstacles_or_each_other(env: GodotParallelEnv) -> None:
    rng = np.random.default_rng(0)
    touched = 0
    for seed in range(4):
        env.reset(seed=seed)
        actions = dict.fromkeys(AGENTS, 0)
        step = 0
        while env.agents:
            if step % 8 == 0:
                actions = {agent: int(rng.integers(1, 9)) for agent in AGENTS}
            observations, *_ = env.step(actions)
            assert all(env.observation_space(agent).contains(seen) for agent, seen in observations.items())
            assert env.state_space.contains(env.state())
            there = places(env)
            gaps = [gap_to_obstacles(place) - radius for place, radius in zip(there, RADII, strict=True)]
            # Within the margin of 0.08 px that physics keeps.
            assert min(gaps) >= -0.1
            touched += sum(gap < 0.1 for gap in gaps)
            between = np.hypot(*(there[[0, 0, 1]] - there[[1, 2, 2]]).T)
            assert between.min() >= 31.9
            step += 1
    assert touched > 50


def test_chasers_that_run_to_the_same_corner_block_each_other(env: GodotParallelEnv) -> None:
    blocked = 0
    for seed in range(5):
        env.reset(seed=seed)
        for _ in range(90):
            if env.agents:
                env.step({**dict.fromkeys(CHASERS, 6), RUNNER: 3})
        there = places(env)
        blocked += sum(31.9 <= np.hypot(*(there[i] - there[j])) <= 32.3 for i, j in ((0, 1), (0, 2), (1, 2)))
        assert gap_to_obstacles(there[0]) >= 15.9
    assert blocked >= 5


def test_an_agent_that_meets_a_wall_at_an_angle_slides_along_it(env: GodotParallelEnv) -> None:
    env.reset(seed=1)
    slid = 0
    for _ in range(40):
        before = places(env)[:3]
        env.step({**dict.fromkeys(CHASERS, 2), RUNNER: 6})
        rows = env.state()[:12].reshape(3, 4).astype(float)
        for place, (x, y, speed_x, speed_y) in zip(before, rows, strict=True):
            at_the_bottom = abs(place[1] - (228.0 - 16.0)) < 0.1
            if at_the_bottom and x * LENGTH - place[0] > 10.0:
                assert y * LENGTH == pytest.approx(228.0 - 16.0, abs=0.1)
                assert speed_y == pytest.approx(0.0, abs=1e-3)
                assert speed_x * 26.0 == pytest.approx(x * LENGTH - place[0], rel=0.2)
                slid += 1
    assert slid >= 5


@pytest.mark.parametrize(("action", "way"), list(enumerate(WAYS, start=1)))
def test_agents_move_in_the_direction_of_their_action(
    env: GodotParallelEnv, action: int, way: tuple[float, float]
) -> None:
    fastest = dict.fromkeys(AGENTS, 0.0)
    for seed in range(10):
        env.reset(seed=seed)
        before = places(env)
        for _ in range(4):
            env.step(dict.fromkeys(AGENTS, action))
        velocities = env.state()[:16].reshape(4, 4)[:, 2:].astype(float) * 260.0
        for i, agent in enumerate(AGENTS):
            path = before[i] + np.linspace(0.0, 110.0, 45)[:, None] * np.array(way)
            nearest = min(np.hypot(*(place - before[i])) for j, place in enumerate(before[:3]) if j != i)
            # Where neither obstacles nor fellows are in the way.
            if min(map(gap_to_obstacles, path)) > RADII[i] + 1.0 and nearest > 150.0:
                speed = float(np.hypot(*velocities[i]))
                assert velocities[i] == pytest.approx(speed * np.array(way), abs=0.01)
                fastest[agent] = max(fastest[agent], speed)
    assert max(fastest[chaser] for chaser in CHASERS) == pytest.approx(200.0, abs=0.01)
    assert fastest[RUNNER] == pytest.approx(260.0, abs=0.01)


# -- What agents see ---------------------------------------------------------------------------------------------------


def test_rays_are_right_from_the_first_observation_on(env: GodotParallelEnv) -> None:
    rng = np.random.default_rng(1)
    # Both a game that has just started and one that has moved every agent away.
    for game in (tag_v0.parallel_env(), env):
        hits = 0
        for seed in range(15):
            observations, _ = game.reset(seed=seed)
            for step in range(3):
                for agent, place in zip(AGENTS, places(game), strict=True):
                    rays = observations[agent][4:12] * 200.0
                    expected = [ray_length(place, way) for way in WAYS]
                    assert rays == pytest.approx(expected, abs=0.05), (seed, step, agent)
                    hits += int(np.sum(rays < 199.0))
                actions = {agent: int(rng.integers(1, 9)) for agent in AGENTS}
                observations, *_ = game.step(actions)
        assert hits > 200
        if game is not env:
            game.close()


def test_others_are_seen_nearest_first(env: GodotParallelEnv) -> None:
    rng = np.random.default_rng(2)
    for seed in range(10):
        env.reset(seed=seed)
        for _ in range(5):
            observations, *_ = env.step({agent: int(rng.integers(9)) for agent in AGENTS})
        rows = env.state()[:16].reshape(4, 4)
        runner = observations[RUNNER]
        relative = (rows[:3] - rows[3])[np.argsort(np.hypot(*(rows[:3, :2] - rows[3, :2]).T))]
        assert runner[12:24].reshape(3, 4) == pytest.approx(relative, abs=1e-6)
        for i, chaser in enumerate(CHASERS):
            seen = observations[chaser]
            assert seen[12:16] == pytest.approx(rows[3] - rows[i], abs=1e-6)
            fellows = np.delete(rows[:3], i, axis=0)[:, :2] - rows[i, :2]
            fellows = fellows[np.argsort(np.hypot(*fellows.T))]
            assert seen[16:20].reshape(2, 2) == pytest.approx(fellows, abs=1e-6)
            assert seen[20] == pytest.approx(1.0 - 5 / 200)
        assert runner[24] == env.state()[16] == pytest.approx(1.0 - 5 / 200)


# -- Every episode is a function of its seed and the actions -----------------------------------------------------------


_PROCESS = """
import hashlib, json, sys
import numpy as np
from godot_marl.envs import tag_v0
env = tag_v0.parallel_env()
digests = {}
for seed in json.loads(sys.argv[1]):
    digest = hashlib.sha256()
    rng = np.random.default_rng(seed)
    observations, _ = env.reset(seed=seed)
    while env.agents:
        digest.update(b"".join(row.tobytes() for row in observations.values()) + env.state().tobytes())
        actions = {agent: tag_v0.SCRIPTED[env.policies[agent]](observations[agent], None, rng) for agent in env.agents}
        observations, rewards, *_ = env.step(actions)
        digest.update(repr(rewards).encode())
    assert digests.setdefault(seed, digest.hexdigest()) == digest.hexdigest()
env.close()
print(json.dumps(digests))
"""


def test_episodes_repeat_bit_for_bit_in_any_order_and_process() -> None:
    runs = []
    for seeds in ([1, 2, 1], [2, 1]):
        command = [sys.executable, "-c", _PROCESS, json.dumps(seeds)]
        runs.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert runs[0] == runs[1]
    assert len(set(runs[0].values())) == 2


# -- The scripted players ----------------------------------------------------------------------------------------------


def test_scripted_chasers_beat_random_ones(env: GodotParallelEnv) -> None:
    scripted = [Episode(env, seed, tag_v0.scripted_chaser, random) for seed in range(6)]
    by_chance = [Episode(env, seed, random, random) for seed in range(6)]
    assert not any(episode.survived for episode in scripted)
    assert np.mean([episode.steps for episode in scripted]) < 0.3 * np.mean([episode.steps for episode in by_chance])


def test_the_scripted_runner_beats_a_random_one(env: GodotParallelEnv) -> None:
    assert all(Episode(env, seed, random, tag_v0.scripted_runner).survived for seed in range(5))
    scripted = [Episode(env, seed, tag_v0.scripted_chaser, tag_v0.scripted_runner) for seed in range(10)]
    by_chance = [Episode(env, seed, tag_v0.scripted_chaser, random) for seed in range(10)]
    assert np.mean([episode.steps for episode in scripted]) > 2.0 * np.mean([episode.steps for episode in by_chance])
    # Scripted against scripted, either side may win.
    assert {episode.survived for episode in scripted} == {True, False}


# -- Images, and play by hand ------------------------------------------------------------------------------------------


def test_frames_show_the_state_that_they_are_taken_in() -> None:
    env = tag_v0.parallel_env(render_mode="rgb_array", render_size=(480, 270))
    env.reset(seed=4)
    first = env.render()
    for _ in range(8):
        env.step(dict.fromkeys(AGENTS, 1))
    last = env.render()
    # The colour of each agent is at its place: a point behind the eyes.
    where = places(env)
    env.reset(seed=4)
    again = env.render()
    env.close()
    assert first is not None
    assert last is not None
    assert again is not None
    assert np.array_equal(first, again)
    assert np.mean(first != last) > 0.002
    colours = {**dict.fromkeys(CHASERS, (0x2B, 0x40, 0x6A)), RUNNER: (0xF2, 0x66, 0x45)}
    for agent, place in zip(AGENTS, where, strict=True):
        x, y = (place + np.array([480.0 - 6.0, 288.0])) / 2.0
        assert last[round(y), round(x)].astype(int) == pytest.approx(np.array(colours[agent]), abs=3)


def test_a_person_can_be_the_runner(engine: Engine, tmp_path: Path) -> None:
    game = tmp_path / "tag"
    source = prepare_example("tag")
    Project(source).imported(engine)
    shutil.copytree(source, game)
    scene = (game / "tag.tscn").read_text()
    assert "step_length = 6\n" in scene
    (game / "tag.tscn").write_text(scene.replace("step_length = 6\n", "step_length = 6\nenabled = false\n"))
    shutil.copy(TYPIST, game / "typist.gd")
    command = [str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(game), "--script", "res://typist.gd"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "ERROR" not in done.stdout + done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    [(moved_x, moved_y, caught_by, is_new, time_left)] = rows
    assert moved_x < -30.0
    assert abs(moved_y) < 30.0
    assert caught_by in CHASERS
    assert is_new
    assert time_left > 0.99


# -- The README --------------------------------------------------------------------------------------------------------


def assert_table_is(header: str, space: gymnasium.Space[Any]) -> None:
    rows = table_rows(README, header)
    assert isinstance(space, gymnasium.spaces.Box)
    assert [int(row[0]) for row in rows] == list(range(space.shape[0]))
    assert np.array_equal(np.array([row[2] for row in rows], np.float32), space.low)
    assert np.array_equal(np.array([row[3] for row in rows], np.float32), space.high)
    assert all(row[4] for row in rows)


def test_readme_tables_are_the_live_spaces(env: GodotParallelEnv) -> None:
    for chaser in CHASERS:
        assert_table_is("| Num | Observation of a chaser |", env.observation_space(chaser))
    assert_table_is("| Num | Observation of the runner |", env.observation_space(RUNNER))
    assert_table_is("| Num | State |", env.state_space)
    for agent in AGENTS:
        space = env.action_space(agent)
        assert isinstance(space, gymnasium.spaces.Discrete)
        assert [int(row[0]) for row in table_rows(README, "| Num | Action |")] == list(range(int(space.n)))
