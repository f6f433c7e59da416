"""What is measured: a form of an environment on a scene."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from godot_marl.errors import InvalidOptionError

Form = Literal["ceiling", "parallel", "gymnasium", "vector", "sb3", "ppo", "rival", "rival-sb3"]
Arrangement = Literal["agents", "arenas"]
Observation = Literal["4", "64", "image"]
Layout = Literal["separate", "shared"]

FORMS: tuple[Form, ...] = get_args(Form)
ARRANGEMENTS: tuple[Arrangement, ...] = get_args(Arrangement)
OBSERVATIONS: tuple[Observation, ...] = get_args(Observation)
AGENTS = (1, 16, 64, 256, 1024)
WORKERS = (1, 2)

SHIPPED_FORMS: tuple[Form, ...] = ("ceiling", "parallel", "gymnasium", "vector", "sb3")
"""The forms that an installed wheel can measure; the others need a checkout."""

RIVALS: tuple[Form, ...] = ("rival", "rival-sb3")
"""Godot RL Agents: its own environment, and its wrapper for stable-baselines3."""

LABELS: dict[Form, str] = {
    "ceiling": "no Python (ceiling)",
    "parallel": "PettingZoo",
    "gymnasium": "Gymnasium",
    "vector": "VectorEnv",
    "sb3": "stable-baselines3",
    "ppo": "stable-baselines3, PPO collects",
    "rival": "Godot RL Agents",
    "rival-sb3": "Godot RL Agents, stable-baselines3",
}


@dataclass(frozen=True)
class World:
    """The scene that is stepped, and how many workers run it.

    Attributes:
        agents: How many agents each worker has.
        arrangement: Whether they are the agents of one arena, or arenas of one agent.
        observation: What an agent observes: "4" or "64" numbers, or an "image" of 84 x 84 x 3 bytes.
        workers: How many workers there are.
        game: "carts", the benchmark's own project, or "cartpole", the example with rigid bodies.
        layout: Where the arenas of a worker stand: each in a world of its own ("separate"), or in one ("shared").
    """

    agents: int = 1
    arrangement: Arrangement = "agents"
    observation: Observation = "4"
    workers: int = 1
    game: Literal["carts", "cartpole"] = "carts"
    layout: Layout = "separate"

    @property
    def copies(self) -> int:
        """How many arenas a worker has."""
        return self.agents if self.arrangement == "arenas" else 1

    @property
    def agents_of_an_arena(self) -> int:
        """How many agents each arena has."""
        return self.agents // self.copies

    @property
    def numbers(self) -> int:
        """How many numbers an agent observes; 4 if it observes an image instead."""
        return 4 if self.observation == "image" else int(self.observation)

    @property
    def scene(self) -> str | None:
        """The scene's file; None for the main scene of another project."""
        if self.game != "carts":
            return None
        return f"carts_{self.agents_of_an_arena}_{self.observation}.tscn"

    @property
    def ceiling_scene(self) -> str | None:
        """The file of the scene that steps the same agents without Python; None if there is none."""
        if self.game != "carts":
            return None
        return f"ceiling_{self.copies}_{self.agents_of_an_arena}_{self.observation}.tscn"

    def __str__(self) -> str:
        kind = {"agents": "agent", "arenas": "arena"}[self.arrangement]
        parts = [f"{self.agents} {kind}{'s' if self.agents > 1 else ''}"]
        parts.append("images" if self.observation == "image" else f"{self.observation} numbers")
        if self.game != "carts":
            parts = [self.game, parts[0]]
        if self.layout != "separate":
            parts.append(self.layout)
        if self.workers > 1:
            parts.append(f"{self.workers} workers")
        return ", ".join(parts)


@dataclass(frozen=True)
class Case:
    """One thing to measure: a form of an environment on a world."""

    form: Form
    world: World

    @property
    def is_possible(self) -> bool:
        """False if this form cannot step this world."""
        world = self.world
        alone = world.workers == 1 and world.copies == 1
        if self.form == "gymnasium":
            return alone and world.agents == 1
        if self.form == "parallel" or self.form in RIVALS:
            return alone and world.game == "carts"
        return self.form != "ceiling" or world.ceiling_scene is not None

    def to_json(self) -> dict[str, Any]:
        """What the case is, for JSON."""
        world = self.world
        return {
            "form": self.form,
            "game": world.game,
            "agents_of_a_worker": world.agents,
            "arrangement": world.arrangement,
            "observation": world.observation,
            "workers": world.workers,
            "layout": world.layout,
        }

    def __str__(self) -> str:
        return f"{LABELS[self.form]}: {self.world}"


@dataclass(frozen=True)
class Choice:
    """What a user chose; None for what was left open.

    Attributes:
        agents: How many agents each worker has.
        forms: Which forms of an environment.
        arrangements: How the agents are arranged.
        observations: What an agent observes.
        workers: How many workers there are.
    """

    agents: Sequence[int] | None = None
    forms: Sequence[Form] | None = None
    arrangements: Sequence[Arrangement] | None = None
    observations: Sequence[Observation] | None = None
    workers: Sequence[int] | None = None

    @property
    def is_open(self) -> bool:
        """True if nothing was chosen."""
        return all(value is None for value in vars(self).values())


def select_cases(choice: Choice, *, quick: bool = False, available: Collection[Form] = SHIPPED_FORMS) -> list[Case]:
    """The cases to measure, those of a world next to each other, each world's ceiling first.

    Args:
        choice: What the user chose. If nothing: a selection with a case for each target, and a part of everything
            else. Otherwise every combination of what was chosen; what was left open is 4 numbers, one worker, agents
            of one arena, all forms, and 1 to 1,024 agents.
        quick: Without a choice, measure a short selection; with one, 1 and 16 agents if that was left open.
        available: The forms that can be measured here.

    Raises:
        InvalidOptionError: No combination of what was chosen can be measured.
    """
    worlds = _combinations(choice, quick) if not choice.is_open else _QUICK if quick else _COMPLETE
    wanted = [Case(form, world) for world, forms in worlds for form in forms]
    cases = [case for case in wanted if case.is_possible and case.form in available]
    if not cases:
        raise InvalidOptionError(
            "Nothing can be measured of what was chosen.",
            where="the options that choose cases",
            expected="forms that fit: gymnasium has one agent, parallel one arena of one worker, rivals need an addon",
            got=", ".join(sorted({case.form for case in wanted})) or "no form",
        )
    by_world: dict[World, list[Case]] = {}
    for case in cases:
        ceiling = Case("ceiling", case.world)
        group = by_world.setdefault(case.world, [ceiling] if ceiling.is_possible else [])
        if case not in group:
            group.append(case)
    return list(itertools.chain.from_iterable(by_world.values()))


_Selection = Iterable[tuple[World, Sequence[Form]]]

_OURS: tuple[Form, ...] = ("parallel", "gymnasium", "vector", "sb3")
_VECTORS: tuple[Form, ...] = ("vector", "sb3")


def _combinations(choice: Choice, quick: bool) -> Iterator[tuple[World, Sequence[Form]]]:
    forms: Sequence[Form] = choice.forms or (*_OURS, *RIVALS)
    for workers, observation, arrangement, agents in itertools.product(
        choice.workers or (1,),
        choice.observations or ("4",),
        choice.arrangements or ("agents",),
        choice.agents or ((1, 16) if quick else AGENTS),
    ):
        # One arena of one agent is one agent of one arena.
        yield World(agents, arrangement if agents > 1 else "agents", observation, workers), forms


_QUICK: _Selection = (
    (World(1), (*_OURS, "rival")),
    (World(16), ("parallel", *_VECTORS, "rival")),
    (World(16, "arenas"), ("vector",)),
    (World(16, workers=2), ("vector",)),
    (World(1, observation="image"), ("parallel", "vector")),
)

_COMPLETE: _Selection = (
    *((World(agents), (*_OURS, *RIVALS)) for agents in AGENTS),
    *((World(agents, "arenas"), _VECTORS) for agents in AGENTS[1:]),
    (World(1, observation="64"), _OURS),
    *((World(agents, observation="64"), ("parallel", *_VECTORS, "rival")) for agents in (16, 256)),
    *((World(agents, observation="image"), (*_OURS, "rival")) for agents in (1, 16)),
    (World(64, observation="image"), _VECTORS),
    *((World(agents, workers=2), _VECTORS) for agents in (16, 256)),
    (World(256, "arenas", workers=2), _VECTORS),
    *((World(agents, "arenas", game="cartpole"), ("ppo",)) for agents in (1, 16)),
    (World(16, "arenas", game="cartpole", layout="shared"), ("ppo",)),
)
