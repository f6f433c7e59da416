"""Which cases are measured."""

from __future__ import annotations

import itertools

import pytest

from godot_marl.bench.cases import AGENTS, FORMS, RIVALS, SHIPPED_FORMS, Case, Choice, World, select_cases
from godot_marl.errors import InvalidOptionError


def test_the_complete_selection_has_every_form_and_every_kind_of_scene() -> None:
    cases = select_cases(Choice(), available=FORMS)
    assert {case.form for case in cases} == set(FORMS)
    worlds = {case.world for case in cases}
    for arrangement in ("agents", "arenas"):
        counts = {w.agents for w in worlds if w.arrangement == arrangement and w.game == "carts" and w.workers == 1}
        assert counts >= set(AGENTS[1:])
    assert {world.observation for world in worlds} == {"4", "64", "image"}
    assert {world.workers for world in worlds} == {1, 2}


def test_each_world_is_measured_in_one_go_and_begins_with_its_ceiling() -> None:
    for quick in (False, True):
        cases = select_cases(Choice(), quick=quick, available=FORMS)
        assert len(set(cases)) == len(cases)
        groups = [list(group) for _, group in itertools.groupby(cases, key=lambda case: case.world)]
        assert len({group[0].world for group in groups}) == len(groups)
        for group in groups:
            assert (group[0].form == "ceiling") == (group[0].world.game == "carts")
            assert all(case.form != "ceiling" for case in group[1:])


def test_only_available_forms_are_measured() -> None:
    assert {case.form for case in select_cases(Choice())} == set(SHIPPED_FORMS)
    assert {case.form for case in select_cases(Choice(), available=["ppo"])} == {"ppo"}
    assert {case.form for case in select_cases(Choice(), available=RIVALS)} == {"ceiling", *RIVALS}


def test_a_choice_is_measured_in_all_combinations_that_are_possible() -> None:
    cases = select_cases(Choice(agents=[1, 32], forms=["gymnasium", "vector"], arrangements=["agents", "arenas"]))
    assert cases == [
        Case("ceiling", World(1)),
        Case("gymnasium", World(1)),
        Case("vector", World(1)),
        Case("ceiling", World(32)),
        Case("vector", World(32)),
        Case("ceiling", World(32, "arenas")),
        Case("vector", World(32, "arenas")),
    ]


def test_defaults_depend_on_quick() -> None:
    choice = Choice(forms=["parallel"])
    assert {case.world.agents for case in select_cases(choice)} == set(AGENTS)
    assert {case.world.agents for case in select_cases(choice, quick=True)} == {1, 16}


@pytest.mark.parametrize(
    "choice",
    [Choice(forms=["rival"]), Choice(forms=["gymnasium"], agents=[2]), Choice(forms=["parallel"], workers=[2])],
)
def test_a_choice_of_nothing_is_an_error(choice: Choice) -> None:
    with pytest.raises(InvalidOptionError, match="Nothing can be measured"):
        select_cases(choice)


def test_a_world_as_text() -> None:
    assert str(World()) == "1 agent, 4 numbers"
    assert str(World(16, "arenas", "image", workers=2)) == "16 arenas, images, 2 workers"
    assert str(World(16, "arenas", game="cartpole", layout="shared")) == "cartpole, 16 arenas, shared"


def test_a_world_divides_its_agents_among_arenas() -> None:
    assert (World(16).copies, World(16).agents_of_an_arena) == (1, 16)
    assert (World(16, "arenas").copies, World(16, "arenas").agents_of_an_arena) == (16, 1)
    assert World(16, "arenas").scene == "carts_1_4.tscn"
    assert World(16, "arenas").ceiling_scene == "ceiling_16_1_4.tscn"
