"""Environments cross processes: copies and forked or spawned children play games of their own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from pettingzoo import AECEnv
from processes import MARK, leaves_nothing, marked, new_mark

import godot_marl
from godot_marl import errors
from godot_marl.envs import cartpole_v0, connect_four_v0

pytestmark = pytest.mark.godot

# Every form of environment; the scene "ends" has rewards that depend on the seed.
FORMS: dict[str, Callable[[Path], Any]] = {
    "parallel": lambda scenes: godot_marl.parallel_env(scenes, scene="ends.tscn"),
    "aec": lambda scenes: godot_marl.env(scenes, scene="ends.tscn"),
    "turns": lambda scenes: godot_marl.env(scenes, scene="turns.tscn"),
    "raw turns": lambda scenes: godot_marl.raw_env(scenes, scene="turns.tscn"),
    "gymnasium": lambda scenes: godot_marl.GodotEnv(scenes, scene="ends.tscn"),
    "gymnasium.make": lambda scenes: gymnasium.make("godot_marl/Godot-v0", game=str(scenes), scene="ends.tscn"),
    "padded": lambda scenes: godot_marl.pad_agents(godot_marl.parallel_env(scenes, scene="ends.tscn")),
    "example, parallel": lambda _: cartpole_v0.parallel_env(),
    "example, aec": lambda _: cartpole_v0.env(),
    "example, turns": lambda _: connect_four_v0.env(),
}


def play(env: Any, seed: int) -> list[Any]:
    """All that an episode answers."""
    if isinstance(env, gymnasium.Env):
        answers: list[Any] = [env.reset(seed=seed)]
        while len(answers) == 1 or not (answers[-1][2] or answers[-1][3]):
            answers.append(env.step(1))
        return answers
    if isinstance(env, AECEnv):
        env.reset(seed=seed)
        answers = []
        for agent in env.agent_iter():
            answers.append((agent, env.last()))
            is_over = env.terminations[agent] or env.truncations[agent]
            mask = env.infos[agent].get("action_mask", [0, 1])
            env.step(None if is_over else int(np.argmax(mask)))
        return answers
    answers = [env.reset(seed=seed)]
    while env.agents:
        answers.append(env.step(dict.fromkeys(env.agents, 1)))
    return answers


@pytest.mark.parametrize("library", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
@pytest.mark.parametrize("form", FORMS)
def test_copy_plays_its_own_game_with_the_same_results(
    form: str, library: Any, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    monkeypatch.setenv("ENDS", "3" if form.startswith("gymnasium") else "3,t2")
    env = FORMS[form](scenes)
    early = library.loads(library.dumps(env))
    expected = play(env, seed=3)
    late = library.loads(library.dumps(env))
    games = set(marked(mark)["game"])
    assert len(games) == 1
    for copy in (early, late):
        assert data_equivalence(play(copy, seed=3), expected)
        assert len(marked(mark)["game"]) == 2
        assert games < set(marked(mark)["game"])
        # Neither disturbs the other.
        assert data_equivalence(play(env, seed=3), expected)
        copy.close()
        assert set(marked(mark)["game"]) == games
    env.close()
    assert leaves_nothing(mark)


@pytest.mark.parametrize("form", ["parallel", "aec", "turns", "gymnasium", "padded"])
def test_copy_of_an_environment_in_mid_episode_needs_a_reset(
    form: str, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDS", "3")
    env = FORMS[form](scenes)
    env.reset(seed=1)
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301 - made just now
    is_parallel = not isinstance(env, (gymnasium.Env, AECEnv))
    with pytest.raises(errors.ResetNeededError):
        copy.step({"ender_0": 0} if is_parallel else 0)
    env.step({"ender_0": 0} if is_parallel else 0)
    env.close()
    copy.close()


# -- Children ----------------------------------------------------------------------------------------------------------

# The parent plays a game of its own before, while and after the children play theirs.
ASYNC = """
import os, sys
import gymnasium, numpy as np
import godot_marl
from processes import MARK, becomes_true, marked

def games():
    return len(marked(os.environ[MARK]).get("game", []))

def rewards_of(env, seed):
    env.reset(seed=seed)
    return [env.step(0)[1] for _ in range(3)]

if __name__ == "__main__":
    game, context = sys.argv[1:]
    make = lambda: godot_marl.GodotEnv(game, scene="ends.tscn")
    env = make()
    expected = [rewards_of(env, 5), rewards_of(env, 6)]
    env.reset(seed=6)
    vector = gymnasium.vector.AsyncVectorEnv([make, make], context=context)
    vector.reset(seed=5)
    for step in range(3):
        rewards = vector.step(np.zeros(2, np.int64))[1].tolist()
        assert rewards == [expected[0][step], expected[1][step]], (rewards, expected)
        assert env.step(0)[1] == expected[1][step]
    assert games() == 3
    vector.close()
    assert becomes_true(lambda: games() == 1)
    assert rewards_of(env, 5) == expected[0]
    env.close()
"""

# An environment that plays already goes into the children.
STARTED = """
import multiprocessing, os, sys
import godot_marl
from processes import MARK, becomes_true, marked

def games():
    return len(marked(os.environ[MARK]).get("game", []))

def rewards_of(env, seed):
    env.reset(seed=seed)
    return [env.step({"ender_0": 0})[1]["ender_0"] for _ in range(3)]

def child(env, queue, may_end):
    queue.put(rewards_of(env, 5))
    may_end.wait()

if __name__ == "__main__":
    game, context = sys.argv[1:]
    env = godot_marl.pad_agents(godot_marl.parallel_env(game, scene="ends.tscn"))
    expected = rewards_of(env, 5)
    env.reset(seed=5)
    processes = multiprocessing.get_context(context)
    queue, may_end = processes.Queue(), processes.Event()
    children = [processes.Process(target=child, args=(env, queue, may_end)) for _ in range(2)]
    for process in children:
        process.start()
    answers = [queue.get(timeout=60) for _ in children]
    assert answers == [expected] * 2, (answers, expected)
    assert games() == 3
    assert [env.step({"ender_0": 0})[1]["ender_0"] for _ in range(3)] == expected
    may_end.set()
    for process in children:
        process.join(20)
        assert process.exitcode == 0
    assert becomes_true(lambda: games() == 1)
    assert rewards_of(env, 5) == expected
    env.close()
"""

SUPERSUIT = """
import os, sys
import numpy as np, supersuit
import godot_marl
from processes import MARK, becomes_true, marked

def games():
    return len(marked(os.environ[MARK]).get("game", []))

def rewards_of(env, seed):
    env.reset(seed=seed)
    return [env.step({"ender_0": 0})[1]["ender_0"] for _ in range(3)]

if __name__ == "__main__":
    env = godot_marl.pad_agents(godot_marl.parallel_env(sys.argv[1], scene="ends.tscn"))
    expected = [rewards_of(env, 5), rewards_of(env, 6)]
    template = supersuit.pettingzoo_env_to_vec_env_v1(env)
    vector = supersuit.concat_vec_envs_v1(template, 2, num_cpus=2, base_class="stable_baselines3")
    vector.venv.reset(seed=5)
    for step in range(3):
        _, rewards, dones, infos = vector.step(np.zeros(2, np.int64))
        assert np.allclose(rewards, [expected[0][step], expected[1][step]]), (rewards, expected)
        assert dones.tolist() == [step == 2] * 2
    assert [set(info["terminal_observation"].tolist()) for info in infos] == [{3.0}] * 2, infos
    assert [info["episode"]["l"] for info in infos] == [3, 3]
    assert games() == 3
    template.close()
    # Its processes never end by themselves: it waits this long, and kills them.
    vector.venv.graceful_shutdown_timeout = 0
    vector.close()
    assert becomes_true(lambda: games() == 0)
"""


PROGRAMS = {
    "async vector": (ASYNC, ["fork", "spawn", "forkserver"]),
    "already playing": (STARTED, ["fork", "spawn", "forkserver"]),
    "supersuit": (SUPERSUIT, [""]),
}


@pytest.mark.parametrize(
    ("program", "context"), [(name, context) for name, (_, contexts) in PROGRAMS.items() for context in contexts]
)
def test_child_processes_play_their_own_games(program: str, context: str, scenes: Path, tmp_path: Path) -> None:
    mark = new_mark()
    script = tmp_path / "program.py"
    script.write_text(PROGRAMS[program][0])
    done = subprocess.run(
        [sys.executable, str(script), str(scenes), *filter(None, [context])],
        env={**os.environ, MARK: mark, "ENDS": "3", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert leaves_nothing(mark)
