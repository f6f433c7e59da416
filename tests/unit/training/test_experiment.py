"""How the commands judge checkpoints: the players, the seeds, and the checkpoint that is chosen. No game is played."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_arena import FakeArena
from fake_models import text_of, write_model

from godot_marl.protocol.messages import SceneDescription
from godot_marl.training import RunDirectory, TrainingConfig, models
from godot_marl.training import experiment as module
from godot_marl.training.checkpoint_selection import EPISODES, MORE_EPISODES
from godot_marl.training.experiment import SELECTION_SEED, TrainedGame

CHASE = {"chaser_0": "chaser", "runner_0": "runner", "chaser_1": "chaser"}
CHASERS, RUNNER = ["chaser_0", "chaser_1"], ["runner_0"]
SOCCER = dict.fromkeys(["red_0", "blue_0", "red_1", "blue_1"], "player")
TEAMS = {"red": ["red_0", "red_1"], "blue": ["blue_0", "blue_1"]}
SEED = 7


class FakeModel:
    """A model of which only the name was saved."""

    def __init__(self, name: str) -> None:
        self.name = name

    def predict(self, observations: np.ndarray[Any, Any], *, deterministic: bool) -> tuple[list[str], None]:
        return [self.name] * len(observations), None


class Reports:
    """The numbers of episodes that were reported: played, and to play."""

    def __init__(self) -> None:
        self.all: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.all.append((done, total))

    def check(self, total: int) -> None:
        """Each report must say more than the one before it, and the last one that all were played."""
        done = [report[0] for report in self.all]
        assert done == sorted(set(done))
        assert {report[1] for report in self.all} == {total}
        assert done[-1] == total


@pytest.fixture(autouse=True)
def loads_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint's models are the texts of its files; "scripted" is the scripted player."""

    def load(folder: Path, scene: SceneDescription) -> dict[str, FakeModel]:
        policies = {agent.policy for agent in scene.agents}
        return {policy: FakeModel(text_of(folder / f"{policy}.zip")) for policy in policies}

    monkeypatch.setattr(models, "load_models", load)
    monkeypatch.setattr(module, "scripted_policies", lambda game: SCRIPTED if game == "scripted" else {})


SCRIPTED = dict.fromkeys(["chaser", "runner", "player"], lambda *_: "scripted")


def game(sides: Mapping[str, list[str]] | None = None, name: str = "scripted") -> TrainedGame:
    return TrainedGame(name, Path("nowhere"), None, "no engine", TrainingConfig(sides=sides or {}))


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", "scripted", None, 0, TrainingConfig())


def learn(run: RunDirectory, steps: Sequence[int], policies: Sequence[str]) -> None:
    """Write checkpoints whose policies are called POLICY@STEPS."""
    for step in steps:

        def save(folder: Path, step: int = step) -> None:
            for policy in policies:
                write_model(folder / f"{policy}.zip", f"{policy}@{step}")

        run.write_checkpoint(step, save)


def choose(run: RunDirectory, **steps: int) -> None:
    """Keep these checkpoints as the best ones."""
    run.write_best(
        {policy: run.folder / "checkpoints" / f"{step:09d}" for policy, step in steps.items()},
        {policy: {"steps": step} for policy, step in steps.items()},
    )


def worth(player: str, agent: str) -> float:
    """What players are worth; a policy is better the longer it learned."""
    step = int(player.split("@")[1]) / 100 if "@" in player else {"random": 0.0, "scripted": 0.5}[player]
    return step * (1.0 + list(CHASE).index(agent) if agent in CHASE else 1.0)


# -- Which checkpoint is the best ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "opponent"), [("scripted", "scripted"), ("no example", "random")])
def test_each_policy_is_chosen_against_the_strongest_opponents_alone(
    name: str, opponent: str, run: RunDirectory
) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    best = {"chaser@100": 9.0, "runner@200": 9.0}
    arena: Any = FakeArena(CHASE, lambda player, agent: best.get(player) or worth(player, agent))
    reports = Reports()
    choices = game(name=name).choose_best(arena, run, 3, report=reports)
    assert {policy: choice.steps for policy, choice in choices.items()} == {"chaser": 100, "runner": 200}
    seeds = list(range(SELECTION_SEED, SELECTION_SEED + EPISODES))
    expected = [
        ({**dict.fromkeys(CHASE, opponent), **dict.fromkeys(agents, f"{policy}@{step}")}, seeds)
        for policy, agents in (("chaser", CHASERS), ("runner", RUNNER))
        for step in (300, 200, 100)
    ]
    assert arena.casts() == expected
    assert choices["chaser"].mean == pytest.approx(arena.returns(CHASERS, expected[2][0], seeds).mean())
    assert [text_of(run.best() / f"{policy}.zip") for policy in choices] == ["chaser@100", "runner@200"]
    assert json.loads((run.best() / "choices.json").read_text()) == {
        policy: {"steps": choice.steps, "mean": choice.mean, "episodes": EPISODES} for policy, choice in choices.items()
    }
    reports.check(len(arena.games))


def test_only_so_many_checkpoints_are_judged(run: RunDirectory) -> None:
    steps = [100 * (i + 1) for i in range(12)]
    learn(run, steps, ["player"])
    arena: Any = FakeArena(SOCCER, worth)
    reports = Reports()
    choices = game().choose_best(arena, run, 6, report=reports)
    assert {cast["red_0"] for cast, _ in arena.casts()} == {f"player@{step}" for step in steps[1::2]}
    assert (choices["player"].steps, choices["player"].episodes) == (1200, EPISODES + MORE_EPISODES)
    reports.check(len(arena.games))


def test_a_policy_of_two_sides_is_judged_by_the_mean_of_both_and_never_plays_itself(run: RunDirectory) -> None:
    learn(run, [100, 200, 300], ["player"])
    # The first is the best red, the last the best blue, and the second the best of both.
    red, blue = {100: 10.0, 200: 8.0, 300: 1.0}, {100: 1.0, 200: 8.0, 300: 10.0}

    def worth_of_team(player: str, agent: str) -> float:
        team = red if agent in TEAMS["red"] else blue
        return team[int(player.split("@")[1])] if "@" in player else 0.5

    arena: Any = FakeArena(SOCCER, worth_of_team)
    choice = game(TEAMS).choose_best(arena, run, 3)["player"]
    assert choice.steps == 200
    casts = [
        {**dict.fromkeys(SOCCER, "scripted"), **dict.fromkeys(names, f"player@{step}")}
        for step in (300, 200, 100)
        for names in TEAMS.values()
    ]
    seeds = range(SELECTION_SEED, SELECTION_SEED + EPISODES)
    assert arena.casts() == [(cast, list(seeds)) for cast in casts]
    both = [arena.returns(names, cast, seeds).mean() for names, cast in zip(TEAMS.values(), casts[2:4], strict=True)]
    assert choice.mean == pytest.approx(sum(both) / 2)


# -- How good it is ------------------------------------------------------------------------------------------------


def test_trained_policies_are_compared_with_every_opponent(run: RunDirectory) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    arena: Any = FakeArena(CHASE, worth)
    reports = Reports()
    comparisons = game().evaluate(arena, run, 4, SEED, report=reports)
    seeds = list(range(SEED, SEED + 4))
    others = {
        "random": dict.fromkeys(CHASE, "random"),
        "scripted": dict.fromkeys(CHASE, "scripted"),
        "earlier self": {agent: f"{policy}@100" for agent, policy in CHASE.items()},
    }
    sides = {"chaser": CHASERS, "runner": RUNNER}
    now = {agent: f"{policy}@300" for agent, policy in CHASE.items()}
    rows = iter(comparisons)
    expected = []
    for against, other in others.items():
        expected.append((other, seeds))
        for side, agents in sides.items():
            cast = {**other, **{agent: now[agent] for agent in agents}}
            expected.append((cast, seeds))
            one = next(rows)
            assert (one.side, one.against, one.episodes) == (side, against, 4)
            assert one.trained == pytest.approx(arena.returns(agents, cast, seeds).mean())
            assert one.other == pytest.approx(arena.returns(agents, other, seeds).mean())
    assert next(rows, None) is None
    assert arena.casts() == expected
    reports.check(len(arena.games))


def test_the_best_checkpoint_plays_and_the_file_has_its_steps(run: RunDirectory) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    choose(run, chaser=200, runner=300)
    arena: Any = FakeArena(CHASE, worth)
    comparisons = game().evaluate(arena, run, 2, SEED)
    assert {cast[agent] for cast, _ in arena.casts() for agent in CHASERS} == {
        "random",
        "scripted",
        "chaser@100",
        "chaser@200",
    }
    rows = json.loads((run.folder / "evaluation.json").read_text())
    assert [(row["side"], row["against"], row["trained"]) for row in rows] == [
        (one.side, one.against, one.trained) for one in comparisons
    ]
    assert {row["seed"] for row in rows} == {SEED}
    assert {row["side"]: row["steps"] for row in rows} == {"chaser": {"chaser": 200}, "runner": {"runner": 300}}


def against_earlier(
    run: RunDirectory, arena: FakeArena, sides: Mapping[str, list[str]] | None = None
) -> dict[str, list[str]]:
    """Which sides are compared with an earlier self, and the players of each cast of these games."""
    untyped: Any = arena
    comparisons = game(sides, name="no example").evaluate(untyped, run, 2, SEED)
    count = sum(one.against == "earlier self" for one in comparisons)
    agents = [agent.name for agent in arena.scene.agents]
    casts = [[cast[agent] for agent in agents] for cast, _ in arena.casts()]
    first = len(casts) - (count + 1 if count else 0)
    names = ["before", *(one.side for one in comparisons if one.against == "earlier self")]
    return dict(zip(names, casts[first:], strict=False))


def test_an_earlier_self_is_earlier_than_the_best_whenever_that_was(run: RunDirectory) -> None:
    learn(run, [100, 200, 300, 1100, 2100], ["chaser", "runner"])
    choose(run, chaser=300, runner=2100)
    assert against_earlier(run, FakeArena(CHASE, worth)) == {
        "before": ["chaser@100", "runner@1100", "chaser@100"],
        "chaser": ["chaser@300", "runner@1100", "chaser@300"],
        "runner": ["chaser@100", "runner@2100", "chaser@100"],
    }


def test_a_side_without_an_earlier_self_is_not_compared_with_one_and_plays_as_it_is_against_the_others(
    run: RunDirectory,
) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    choose(run, chaser=100, runner=200)
    assert against_earlier(run, FakeArena(CHASE, worth)) == {
        "before": ["chaser@100", "runner@100", "chaser@100"],
        "runner": ["chaser@100", "runner@200", "chaser@100"],
    }


def test_a_side_of_two_policies_needs_an_earlier_self_of_both(run: RunDirectory) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    choose(run, chaser=100, runner=300)
    mixed = {"mixed": ["chaser_0", "runner_0"], "alone": ["chaser_1"]}
    assert against_earlier(run, FakeArena(CHASE, worth), mixed) == {}


@pytest.mark.parametrize(
    ("policies", "sides", "steps"), [(SOCCER, None, [100, 200]), (SOCCER, TEAMS, [100]), (CHASE, None, [100])]
)
def test_one_side_or_one_checkpoint_has_no_earlier_self(
    policies: dict[str, str], sides: dict[str, list[str]] | None, steps: list[int], run: RunDirectory
) -> None:
    learn(run, steps, sorted(set(policies.values())))
    assert against_earlier(run, FakeArena(policies, worth), sides) == {}
