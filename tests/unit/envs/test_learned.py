"""What the examples learned: each ships the evaluation of its training, and its README has the same numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from pages import ROOT

from godot_marl.training.config import TrainingConfig

HEADER = "| Side | Against | Return | In its place | Difference | 95 % interval |"


@dataclass(frozen=True)
class Learned:
    """The training of an example.

    Attributes:
        example: The example.
        arguments: What its README says `godot-marl train` was given.
        file: The evaluation, as `godot-marl evaluate RUN --episodes 200` wrote it.
        sides: The sides of the scene; tests/integration/cli/test_train.py shows that it has these.
    """

    example: str
    arguments: str
    file: str
    sides: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the evaluation."""
        rows: list[dict[str, Any]] = json.loads((ROOT / "envs" / self.example / self.file).read_text(encoding="utf-8"))
        return rows

    def table(self) -> list[str]:
        """The table in the README: the first one below the command."""
        readme = (ROOT / "envs" / self.example / "README.md").read_text(encoding="utf-8")
        _, _, below = readme.partition(f"`godot-marl train {self.arguments}`")
        _, header, rest = below.partition(HEADER)
        assert header, f"the README has no table below `godot-marl train {self.arguments}`"
        table, _, _ = rest.strip().partition("\n\n")
        return table.splitlines()[1:]


EXAMPLES = [
    Learned("cartpole", "cartpole", "evaluation.json", ("default",)),
    Learned("cartpole", "cartpole --scene several_carts.tscn", "evaluation.several_carts.json", ("default",)),
    Learned("tag", "tag", "evaluation.json", ("chaser", "runner")),
    Learned("connect_four", "connect_four", "evaluation.json", ("first", "second")),
    Learned("soccer", "soccer", "evaluation.json", ("red", "blue")),
]
every_example = pytest.mark.parametrize("learned", EXAMPLES, ids=[learned.arguments for learned in EXAMPLES])


@every_example
def test_each_side_is_better_than_random_and_scripted_players(learned: Learned) -> None:
    rows = [row for row in learned.rows() if row["against"] in ("random", "scripted")]
    expected = {(side, against) for side in learned.sides for against in ("random", "scripted")}
    assert {(row["side"], row["against"]) for row in rows} == expected
    assert len(rows) == len(expected)
    for row in rows:
        assert row["episodes"] == 200, row
        assert 0 < row["low"] <= row["difference"] <= row["high"], row


@every_example
def test_the_policies_are_those_of_a_training_as_long_as_the_settings_say(learned: Learned) -> None:
    scene = "several_carts.tscn" if "several_carts" in learned.arguments else None
    settings = TrainingConfig.of_game(ROOT / "envs" / learned.example, scene)
    steps = [steps for row in learned.rows() for steps in row["steps"].values()]
    if settings.best_of == 1:
        assert set(steps) == {settings.steps}
    else:
        assert max(steps) <= settings.steps


@every_example
def test_the_readme_has_the_numbers_of_the_file(learned: Learned) -> None:
    expected = [
        f"| {row['side']} | {row['against']} | {row['trained']:z.2f} | {row['other']:z.2f} | {row['difference']:+z.2f} "
        f"| [{row['low']:+z.2f}, {row['high']:+z.2f}] |"
        for row in learned.rows()
    ]
    assert learned.table() == expected
