"""How the commands judge what was learned: who plays, with which seeds, and which checkpoint. No game is played."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_arena import FakeArena
from fake_models import text_of, write_model

from godot_marl.cli import trained as module
from godot_marl.cli.trained import SELECTION_SEED, TrainedGame
from godot_marl.protocol import SceneDescription
from godot_marl.training import Run, Settings, models
from godot_marl.training.selection import EPISODES, MORE_EPISODES

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


class Bar:
    """A progress bar that only counts."""

    total = done = 0

    def add_task(self, _: str, *, total: int, note: str) -> int:
        self.total += total
        return 0

    def advance(self, _: int, done: int) -> None:
        self.done += done


@pytest.fixture
def bar(monkeypatch: pytest.MonkeyPatch) -> Bar:
    bar = Bar()

    @contextlib.contextmanager
    def progress_bar(unit: str) -> Iterator[Bar]:
        assert unit == "episodes"
        yield bar

    monkeypatch.setattr(module, "progress_bar", progress_bar)
    return bar


@pytest.fixture(autouse=True)
def loads_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint's models are the texts of its files; "scripted" is who plays by hand."""

    def load(folder: Path, scene: SceneDescription) -> dict[str, FakeModel]:
        policies = {agent.policy for agent in scene.agents}
        return {policy: FakeModel(text_of(folder / f"{policy}.zip")) for policy in policies}

    monkeypatch.setattr(models, "load_models", load)
    monkeypatch.setattr(module, "scripted_policies", lambda game: SCRIPTED if game == "scripted" else {})


SCRIPTED = dict.fromkeys(["chaser", "runner", "player"], lambda *_: "scripted")


def game(sides: Mapping[str, list[str]] | None = None, name: str = "scripted") -> TrainedGame:
    return TrainedGame(name, Path("nowhere"), None, "no engine", Settings(sides=sides or {}))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", "scripted", None, 0, Settings())


def learn(run: Run, steps: Sequence[int], policies: Sequence[str]) -> None:
    """Write checkpoints whose policies are called POLICY@STEPS."""
    for step in steps:

        def save(folder: Path, step: int = step) -> None:
            for policy in policies:
                write_model(folder / f"{policy}.zip", f"{policy}@{step}")

        run.write_checkpoint(step, save)


def choose(run: Run, **steps: int) -> None:
    """Keep these checkpoints as the best ones."""
    run.write_best(
        {policy: run.folder / "checkpoints" / f"{step:09d}" for policy, step in steps.items()},
        {policy: {"steps": step} for policy, step in steps.items()},
    )


def worth(player: str, seat: str) -> float:
    """What players are worth; a policy is the better the longer it learned."""
    step = int(player.split("@")[1]) / 100 if "@" in player else {"random": 0.0, "scripted": 0.5}[player]
    return step * (1.0 + list(CHASE).index(seat) if seat in CHASE else 1.0)


# -- Which checkpoint is the best ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "opponent"), [("scripted", "scripted"), ("no example", "random")])
def test_each_policy_is_chosen_against_the_strongest_opponents_alone(
    name: str, opponent: str, run: Run, bar: Bar
) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    best = {"chaser@100": 9.0, "runner@200": 9.0}
    arena: Any = FakeArena(CHASE, lambda player, seat: best.get(player) or worth(player, seat))
    choices = game(name=name).choose_best(arena, run, 3)
    assert {policy: choice.steps for policy, choice in choices.items()} == {"chaser": 100, "runner": 200}
    seeds = list(range(SELECTION_SEED, SELECTION_SEED + EPISODES))
    expected = [
        ({**dict.fromkeys(CHASE, opponent), **dict.fromkeys(seats, f"{policy}@{step}")}, seeds)
        for policy, seats in (("chaser", CHASERS), ("runner", RUNNER))
        for step in (300, 200, 100)
    ]
    assert arena.casts() == expected
    assert choices["chaser"].mean == pytest.approx(arena.returns(CHASERS, expected[2][0], seeds).mean())
    assert [text_of(run.best() / f"{policy}.zip") for policy in choices] == ["chaser@100", "runner@200"]
    assert json.loads((run.best() / "choices.json").read_text()) == {
        policy: {"steps": choice.steps, "mean": choice.mean, "episodes": EPISODES} for policy, choice in choices.items()
    }
    assert bar.done == bar.total == len(arena.games)


def test_only_so_many_checkpoints_are_judged(run: Run, bar: Bar) -> None:
    steps = [100 * (i + 1) for i in range(12)]
    learn(run, steps, ["player"])
    arena: Any = FakeArena(SOCCER, worth)
    choices = game().choose_best(arena, run, 6)
    assert {who["red_0"] for who, _ in arena.casts()} == {f"player@{step}" for step in steps[1::2]}
    assert (choices["player"].steps, choices["player"].episodes) == (1200, EPISODES + MORE_EPISODES)
    assert bar.done == bar.total


def test_a_policy_of_two_sides_is_judged_by_the_mean_of_both_and_never_plays_itself(run: Run) -> None:
    learn(run, [100, 200, 300], ["player"])
    # The first is the best red, the last the best blue, and the second the best of both.
    red, blue = {100: 10.0, 200: 8.0, 300: 1.0}, {100: 1.0, 200: 8.0, 300: 10.0}

    def worth_of_team(player: str, seat: str) -> float:
        team = red if seat in TEAMS["red"] else blue
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
    assert arena.casts() == [(who, list(seeds)) for who in casts]
    both = [arena.returns(names, who, seeds).mean() for names, who in zip(TEAMS.values(), casts[2:4], strict=True)]
    assert choice.mean == pytest.approx(sum(both) / 2)


# -- How good it is ------------------------------------------------------------------------------------------------


def test_what_was_learned_is_compared_with_all_that_there_is(run: Run, bar: Bar) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    arena: Any = FakeArena(CHASE, worth)
    comparisons = game().evaluate(arena, run, 4, SEED)
    seeds = list(range(SEED, SEED + 4))
    others = {
        "random": dict.fromkeys(CHASE, "random"),
        "scripted": dict.fromkeys(CHASE, "scripted"),
        "earlier self": {seat: f"{policy}@100" for seat, policy in CHASE.items()},
    }
    sides = {"chaser": CHASERS, "runner": RUNNER}
    now = {seat: f"{policy}@300" for seat, policy in CHASE.items()}
    rows = iter(comparisons)
    expected = []
    for against, other in others.items():
        expected.append((other, seeds))
        for side, seats in sides.items():
            who = {**other, **{seat: now[seat] for seat in seats}}
            expected.append((who, seeds))
            one = next(rows)
            assert (one.side, one.against, one.episodes) == (side, against, 4)
            assert one.trained == pytest.approx(arena.returns(seats, who, seeds).mean())
            assert one.other == pytest.approx(arena.returns(seats, other, seeds).mean())
    assert next(rows, None) is None
    assert arena.casts() == expected
    assert bar.done == bar.total == len(arena.games)


def test_the_best_plays_and_the_file_says_since_when_it_is_as_it_is(run: Run) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    choose(run, chaser=200, runner=300)
    arena: Any = FakeArena(CHASE, worth)
    comparisons = game().evaluate(arena, run, 2, SEED)
    assert {who[seat] for who, _ in arena.casts() for seat in CHASERS} == {
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


def against_earlier(run: Run, arena: FakeArena, sides: Mapping[str, list[str]] | None = None) -> dict[str, list[str]]:
    """Which sides are compared with an earlier self, and who then sat on the seats of each cast of these games."""
    untyped: Any = arena
    comparisons = game(sides, name="no example").evaluate(untyped, run, 2, SEED)
    count = sum(one.against == "earlier self" for one in comparisons)
    seats = [agent.name for agent in arena.scene.agents]
    casts = [[who[seat] for seat in seats] for who, _ in arena.casts()]
    first = len(casts) - (count + 1 if count else 0)
    names = ["before", *(one.side for one in comparisons if one.against == "earlier self")]
    return dict(zip(names, casts[first:], strict=False))


def test_an_earlier_self_is_earlier_than_the_best_whenever_that_was(run: Run) -> None:
    learn(run, [100, 200, 300, 1100, 2100], ["chaser", "runner"])
    choose(run, chaser=300, runner=2100)
    assert against_earlier(run, FakeArena(CHASE, worth)) == {
        "before": ["chaser@100", "runner@1100", "chaser@100"],
        "chaser": ["chaser@300", "runner@1100", "chaser@300"],
        "runner": ["chaser@100", "runner@2100", "chaser@100"],
    }


def test_a_side_without_an_earlier_self_is_not_compared_with_one_and_plays_as_it_is_against_the_others(
    run: Run,
) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    choose(run, chaser=100, runner=200)
    assert against_earlier(run, FakeArena(CHASE, worth)) == {
        "before": ["chaser@100", "runner@100", "chaser@100"],
        "runner": ["chaser@100", "runner@200", "chaser@100"],
    }


def test_a_side_of_two_policies_needs_an_earlier_self_of_both(run: Run) -> None:
    learn(run, [100, 200, 300], ["chaser", "runner"])
    choose(run, chaser=100, runner=300)
    mixed = {"mixed": ["chaser_0", "runner_0"], "alone": ["chaser_1"]}
    assert against_earlier(run, FakeArena(CHASE, worth), mixed) == {}


@pytest.mark.parametrize(
    ("policies", "sides", "steps"), [(SOCCER, None, [100, 200]), (SOCCER, TEAMS, [100]), (CHASE, None, [100])]
)
def test_one_side_or_one_checkpoint_has_no_earlier_self(
    policies: dict[str, str], sides: dict[str, list[str]] | None, steps: list[int], run: Run
) -> None:
    learn(run, steps, sorted(set(policies.values())))
    assert against_earlier(run, FakeArena(policies, worth), sides) == {}
