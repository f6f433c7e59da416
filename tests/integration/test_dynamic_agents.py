"""Agents that come and go in mid-episode, on the real engine, against a plain model of what must come out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pettingzoo.test import parallel_api_test

import godot_marl
from godot_marl.errors import SceneError
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

AT_FIRST, MOST = 2, 3
NAMES = [f"sheep_{i}" for i in range(AT_FIRST + MOST)]
Happening = tuple[str, int]
Schedule = list[list[Happening]]
Step = tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def herd(scenes: Path) -> Iterator[GodotParallelEnv]:
    env = godot_marl.parallel_env(scenes, scene="herd.tscn")
    yield env
    env.close()


def begin(env: GodotParallelEnv, schedule: Schedule) -> dict[str, Any]:
    observations, _ = env.reset(seed=5, options={"schedule": schedule})
    return observations


def step(env: GodotParallelEnv) -> Step:
    return env.step(dict.fromkeys(env.agents, 0))


# -- One thing at a time -----------------------------------------------------------------------------------------------


def test_possible_agents_are_the_first_and_the_declared_ones(herd: GodotParallelEnv) -> None:
    assert herd.possible_agents == NAMES
    assert set(herd.policies.values()) == {"sheep"}
    assert herd.observation_space("sheep_4") == herd.observation_space("sheep_0")
    begin(herd, [])
    assert herd.agents == NAMES[:2]


def test_a_new_agent_appears_in_the_dictionaries_of_its_step_with_reward_0(herd: GodotParallelEnv) -> None:
    begin(herd, [[], [("spawn", 0)]])
    step(herd)
    observations, rewards, terminations, truncations, infos = step(herd)
    assert observations["sheep_2"].tolist() == [2.0, 0.0]
    assert rewards == {"sheep_0": 1.0, "sheep_1": 2.0, "sheep_2": 0.0}
    assert terminations == truncations == {"sheep_0": False, "sheep_1": False, "sheep_2": False}
    digest = hashlib.sha256(b"5/sheep_2").digest()
    expected = int.from_bytes(digest[:8], "little") & (2**63 - 1)
    assert infos["sheep_2"] == {"seed_value": str(expected)}
    assert herd.agents == NAMES[:3]
    assert step(herd)[1] == {"sheep_0": 1.0, "sheep_1": 2.0, "sheep_2": 3.0}


@pytest.mark.parametrize("way", ["free", "take"])
def test_an_agent_that_leaves_is_terminated_with_its_last_observation(herd: GodotParallelEnv, way: str) -> None:
    begin(herd, [[], [(way, 0)]])
    before = step(herd)[0]["sheep_0"]
    observations, rewards, terminations, truncations, infos = step(herd)
    assert observations["sheep_0"].tolist() == before.tolist()
    assert (rewards["sheep_0"], terminations["sheep_0"], truncations["sheep_0"]) == (0.0, True, False)
    assert infos["sheep_0"] == {"left": True}
    assert herd.agents == ["sheep_1"]


def test_an_agent_leaves_while_another_joins(herd: GodotParallelEnv) -> None:
    begin(herd, [[("free", 1), ("spawn", 0)]])
    _, _, terminations, _, _ = step(herd)
    assert terminations == {"sheep_0": False, "sheep_1": True, "sheep_2": False}
    assert herd.agents == ["sheep_0", "sheep_2"]


def test_an_agent_that_returns_takes_a_new_slot_until_the_reset(herd: GodotParallelEnv) -> None:
    begin(herd, [[("take", 0)], [("back", 0)]])
    step(herd)
    observations, *_ = step(herd)
    assert list(observations) == ["sheep_1", "sheep_2"]
    assert observations["sheep_2"][0] == 0.0  # the same sheep
    begin(herd, [])
    assert herd.agents == NAMES[:2]


@pytest.mark.parametrize(
    "happenings",
    [
        [("rename", 0)],
        [("reparent", 0)],
        [("take", 0), ("back", 0)],
        [("rename", 0), ("reparent", 0), ("rename", 1)],
        [("spawn", 0), ("free", 2)],
    ],
)
def test_changes_of_nodes_within_a_step_that_keep_all_agents_have_no_effect(
    herd: GodotParallelEnv, happenings: list[Happening]
) -> None:
    begin(herd, [happenings])
    _, rewards, terminations, _, _ = step(herd)
    assert terminations == {"sheep_0": False, "sheep_1": False}
    assert step(herd)[1] == rewards == {"sheep_0": 1.0, "sheep_1": 2.0}


def test_a_new_sheep_under_the_old_name_is_a_new_agent(herd: GodotParallelEnv) -> None:
    begin(herd, [[("free", 0)], [("spawn", 0)]])
    step(herd)
    observations, *_ = step(herd)
    assert "sheep_0" not in observations
    assert observations["sheep_2"][0] == 2.0


def test_more_agents_than_declared_are_an_error(make: Callable[..., GodotParallelEnv]) -> None:
    env = make("herd")
    begin(env, [[("spawn", 0)] * (MOST + 1)])
    with pytest.raises(SceneError) as caught:
        step(env)
    assert caught.value.what == "More agents of one policy joined than are declared."
    assert caught.value.expected == 'at most 3 agents of the policy "sheep" that join later'
    assert "get_possible_agents()" in str(caught.value.remedy)


def test_an_undeclared_agent_is_an_error(make: Callable[..., GodotParallelEnv]) -> None:
    env = make("herd_undeclared")
    assert env.possible_agents == NAMES[:2]
    begin(env, [[("spawn", 0)]])
    with pytest.raises(SceneError) as caught:
        step(env)
    assert caught.value.what == "An agent joined that is not declared."
    assert str(caught.value.where).startswith("/root/Herd/")


def test_a_new_agent_has_an_action_mask(make: Callable[..., GodotParallelEnv]) -> None:
    env = make("herd_masked")
    begin(env, [[("spawn", 0)], [("spawn", 0)]])
    step(env)
    observations, *_, infos = step(env)
    masks = {name: observation["action_mask"].tolist() for name, observation in observations.items()}
    assert masks == {"sheep_0": [1, 1], "sheep_1": [1, 0], "sheep_2": [1, 1], "sheep_3": [1, 0]}
    assert infos["sheep_3"]["action_mask"].tolist() == [1, 0]
    assert observations["sheep_3"] in env.observation_space("sheep_3")


@pytest.mark.parametrize(
    ("scene", "got"), [("herd_masked_undeclared", "get_action_mask()"), ("herd_mask_missing", "no get_action_mask()")]
)
def test_a_new_agent_whose_mask_differs_from_its_declaration_is_an_error(
    scene: str, got: str, make: Callable[..., GodotParallelEnv]
) -> None:
    env = make(scene)
    begin(env, [[("spawn", 0)]])
    with pytest.raises(SceneError) as caught:
        step(env)
    assert caught.value.what == "An agent joined whose action mask is declared differently."
    assert caught.value.got == got


def test_a_scene_may_begin_without_agents(make: Callable[..., GodotParallelEnv]) -> None:
    env = make("herd_none_at_first")
    assert env.possible_agents == ["sheep_0", "sheep_1", "sheep_2"]
    assert begin(env, []) == {}
    assert env.agents == []
    assert env.step({}) == ({}, {}, {}, {}, {})


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_pettingzoo_api_with_births_and_deaths(scenes: Path) -> None:
    env = godot_marl.parallel_env(scenes, scene="herd.tscn", max_episode_steps=20)
    parallel_api_test(env, num_cycles=100)
    env.close()


# -- Random schedules --------------------------------------------------------------------------------------------------


@dataclass
class Sheep:
    id: int
    name: str | None = None
    ended: str | None = None
    left: bool = False


@dataclass
class Model:
    """What must come out, in plain Python: the rules of the design without any engine."""

    schedule: Schedule
    there: list[Sheep] = field(default_factory=list)
    pocket: list[Sheep] = field(default_factory=list)
    seated: dict[str, Sheep] = field(default_factory=dict)
    live: list[str] = field(default_factory=list)
    made: int = 0
    steps: int = 0

    def begin(self) -> None:
        for name in NAMES[:AT_FIRST]:
            sheep = self.spawn()
            sheep.name = name
            self.seated[name] = sheep
        self.live = NAMES[:AT_FIRST]

    def spawn(self) -> Sheep:
        sheep = Sheep(self.made)
        self.made += 1
        self.there.append(sheep)
        return sheep

    def let_happen(self, what: str, index: int) -> None:
        if what == "spawn":
            self.spawn()
        elif what == "back":
            if self.pocket:
                self.there.append(self.pocket.pop())
        elif self.there:
            sheep = self.there[index % len(self.there)]
            if what in ("end", "cut"):
                sheep.ended = what if sheep.ended in (None, what) else "both"
            elif what in ("free", "take"):
                self.there.remove(sheep)
                if what == "take":
                    self.pocket.append(sheep)

    def step(self) -> dict[str, tuple[str, float]]:
        """By agent name: how it is after the step, and its reward."""
        for what, index in self.schedule[self.steps] if self.steps < len(self.schedule) else []:
            self.let_happen(what, index)
        self.steps += 1
        present = {id(sheep) for sheep in self.there}
        for sheep in list(self.seated.values()):
            if id(sheep) not in present and sheep.name is not None and self.seated[sheep.name] is sheep:
                sheep.left, sheep.name = True, None
        out: dict[str, tuple[str, float]] = {}
        for name in self.live:
            sheep = self.seated[name]
            if sheep.name != name:
                out[name] = ("left", 0.0)
            else:
                out[name] = (sheep.ended or "live", 1.0 + sheep.id)
        for sheep in self.in_tree_order():
            if sheep.name is None:
                free = [n for n in NAMES[AT_FIRST:] if n not in self.seated]
                if not free:
                    raise LookupError
                sheep.name = free[0]
                self.seated[free[0]] = sheep
                out[free[0]] = ("live", 0.0)
        self.live = [name for name in NAMES if name in out and out[name][0] == "live"]
        return out

    def in_tree_order(self) -> list[Sheep]:
        return self.there


HAPPENINGS = st.tuples(st.sampled_from(["spawn", "free", "take", "back", "end", "cut", "rename"]), st.integers(0, 3))
SCHEDULES = st.lists(st.lists(HAPPENINGS, max_size=3), max_size=8)


@settings(
    max_examples=150,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schedule=SCHEDULES)
def test_random_births_and_deaths_match_the_model(herd: GodotParallelEnv, schedule: Schedule) -> None:
    model = Model(schedule)
    begin(herd, schedule)
    model.begin()
    assert herd.agents == model.live
    for _ in range(len(schedule) + 1):
        if not model.live:
            break
        try:
            expected = model.step()
        except LookupError:
            with pytest.raises(SceneError, match="More agents"):
                step(herd)
            break
        _, rewards, terminations, truncations, infos = step(herd)
        got = {name: how(name, terminations, truncations, infos) for name in rewards}
        assert got == {name: state for name, (state, _) in expected.items()}
        assert rewards == {name: reward for name, (_, reward) in expected.items()}
        assert herd.agents == model.live


def how(
    name: str, terminations: dict[str, bool], truncations: dict[str, bool], infos: dict[str, dict[str, Any]]
) -> str:
    if infos[name].get("left"):
        assert terminations[name]
        return "left"
    return {(False, False): "live", (True, False): "end", (False, True): "cut", (True, True): "both"}[
        terminations[name], truncations[name]
    ]
