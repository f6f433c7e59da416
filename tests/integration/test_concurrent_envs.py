"""Several environments made at the same moment: each plays its own game."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

import godot_marl
from godot_marl.assets.install import install_addon
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

MANY = 8
STEPS = 3
SCENE = "whose.tscn"
# Each has a step of its own length, which its game counts, and says its own words, which its game repeats.
Whose = tuple[str, float]


def make_one(project: Path, number: int) -> GodotParallelEnv:
    return godot_marl.parallel_env(project, scene=SCENE, step_length=number + 1)


def begin(env: GodotParallelEnv, number: int) -> None:
    env.reset(seed=number, options={"word": f"word {number}"})


def step(env: GodotParallelEnv) -> Whose:
    """The word that the game repeats, and the frames that it has counted."""
    observations, *_, infos = env.step({"whose_0": 0})
    return str(infos["whose_0"]["word"]), float(observations["whose_0"].item())


def expected(number: int, steps: int = STEPS) -> list[Whose]:
    return [(f"word {number}", float((number + 1) * (i + 1))) for i in range(steps)]


def test_in_one_process_by_threads_from_a_project_that_was_never_imported(tmp_path: Path, scenes: Path) -> None:
    """So that all of them want to import it at once, too. Then one thread steps them all in turns."""
    project = tmp_path / "fresh"
    project.mkdir()
    for name in ("project.godot", "whose.gd", SCENE):
        shutil.copy(scenes / name, project)
    install_addon(project)
    barrier = threading.Barrier(MANY)
    envs = [make_one(project, number) for number in range(MANY)]

    def play(number: int) -> list[Whose]:
        barrier.wait(30)
        begin(envs[number], number)
        return [step(envs[number]) for _ in range(STEPS)]

    try:
        with ThreadPoolExecutor(MANY) as pool:
            found = list(pool.map(play, range(MANY)))
        for _ in range(STEPS):
            for number, env in enumerate(envs):
                found[number].append(step(env))
    finally:
        for env in envs:
            env.close()
    assert found == [expected(number, 2 * STEPS) for number in range(MANY)]


def in_process(
    project: Path, number: int, barrier: Barrier, answers: multiprocessing.Queue[tuple[int, list[Whose]]]
) -> None:
    env = make_one(project, number)
    barrier.wait(60)
    begin(env, number)
    answers.put((number, [step(env) for _ in range(STEPS)]))
    env.close()


def test_in_processes(scenes: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(MANY), context.Queue()
    children = [context.Process(target=in_process, args=(scenes, n, barrier, answers)) for n in range(MANY)]
    for child in children:
        child.start()
    try:
        found = dict(answers.get(timeout=60) for _ in children)
    finally:
        for child in children:
            child.join(30)
            child.kill()
    assert found == {number: expected(number) for number in range(MANY)}
    assert [child.exitcode for child in children] == [0] * MANY
