"""A game with its training settings: what the commands train, evaluate and play share."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from godot_marl.assets.games import find_game, identity_of
from godot_marl.core.arena import Arena
from godot_marl.engine import Progress, ensure_engine
from godot_marl.envs import scripted_policies
from godot_marl.options import Options
from godot_marl.protocol.messages import SceneDescription

if TYPE_CHECKING:
    from godot_marl.training import Comparison, RunDirectory, TrainingConfig
    from godot_marl.training.arena_pool import Arenas
    from godot_marl.training.checkpoint_selection import SelectedCheckpoint
    from godot_marl.training.evaluation import PlayersFactory
    from godot_marl.training.players import Player

# Far from the seeds of training runs and of evaluations, so that a selection does not repeat their episodes.
SELECTION_SEED = 2_000_000

Report = Callable[[int, int], None]
"""Called with the numbers of episodes that are played, and that are to be played in all."""


def _no_report(done: int, total: int) -> None:
    pass


def _counter(total: int, report: Report) -> Callable[[int], None]:
    """Return a function that adds up its argument, and reports the sum."""
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        report(done, total)

    return add


@dataclass(frozen=True)
class TrainedGame:
    """A game, an engine, and the settings of its training.

    Attributes:
        name: An example's name, or the absolute path of any other game.
        folder: The game's path.
        scene: The scene, or None for the main one.
        engine: The engine's path.
        settings: The training settings.
    """

    name: str
    folder: Path
    scene: str | None
    engine: str
    settings: TrainingConfig

    @classmethod
    def find(
        cls,
        name: str,
        scene: str | None,
        engine: str | None,
        settings: TrainingConfig | Path | None = None,
        *,
        report: Callable[[Progress], None] | None = None,
    ) -> TrainedGame:
        """Find a game, an engine, and the training settings.

        Args:
            name: An example's name, or the path of another game.
            scene: The scene, or None for the main one.
            engine: The engine's path, or None for the one that is found or installed.
            settings: The settings, their file, or None for the game's train.toml.
            report: Called with each stage of an engine's installation.

        Raises:
            InvalidOptionError: The settings are invalid.
            GameNotFoundError: There is no such game.
            EngineError: There is no usable engine, and none could be installed.
        """
        import torch

        from godot_marl.training import TrainingConfig

        # Small policies run faster on one thread, and other threads would compete with the game for cores.
        torch.set_num_threads(1)
        folder = find_game(name)
        if isinstance(settings, Path):
            settings = TrainingConfig.load(settings)
        config = settings or TrainingConfig.of_game(folder, scene)
        found = ensure_engine(engine, report=report)
        return cls(identity_of(name), folder, scene, str(found.path), config)

    def with_settings(self, **changes: Any) -> TrainedGame:
        """Return the same game with changed training settings."""
        return dataclasses.replace(self, settings=dataclasses.replace(self.settings, **changes))

    def arena(self, number: int | None = None, **options: Any) -> Arena:
        """Make an arena of the game for training: action masks are in the infos, not in the observations.

        Args:
            number: The arena's number; None for a single arena.
            options: The environment's options.
        """
        merged = {
            "scene": self.scene,
            "engine": self.engine,
            "max_episode_steps": self.settings.max_episode_steps,
            "mask_in_observation": False,
            **options,
        }
        return Arena(self.folder, Options.from_kwargs(merged), number=number)

    def arenas(self, seed: int, steps: int = 0, *, restarts: bool) -> Arenas:
        """Make the arenas of a training run: one for each of the settings' `processes`.

        Args:
            seed: The run's seed; those of the arenas derive from it.
            steps: Environment steps at which the run resumes.
            restarts: Whether to restart lost workers.
        """
        from godot_marl.training.arena_pool import Arenas, seed_of

        count = self.settings.processes

        def make(number: int) -> Arena:
            return self.arena(None if count == 1 else number, seed=seed_of(seed, number, steps))

        return Arenas(make, count, restarts=restarts)

    def players(self, arena: Arena, checkpoint: Path, *, deterministic: bool | None = None) -> dict[str, Player]:
        """Load the players of a checkpoint, one for each agent.

        Args:
            arena: The arena, which runs.
            checkpoint: The checkpoint's folder.
            deterministic: Whether they take their likeliest action; None for the settings' value.

        Raises:
            InvalidOptionError: A model is missing, unreadable, or has other spaces than the scene.
        """
        from godot_marl.training import evaluation, models
        from godot_marl.training.players import PolicyPlayer

        if deterministic is None:
            deterministic = self.settings.deterministic
        by_policy: dict[str, Player] = {
            policy: PolicyPlayer(model, masked=models.is_masked(model), deterministic=deterministic)
            for policy, model in models.load_models(checkpoint, arena.scene).items()
        }
        return evaluation.players_of(arena.scene, by_policy)

    def _opponents(self, scene: SceneDescription, seed: int) -> dict[str, PlayersFactory]:
        """Return the factories of the opponents that need no training: random, and scripted where the game has them."""
        from godot_marl.training import evaluation
        from godot_marl.training.players import ScriptedPlayer, random_players

        opponents: dict[str, PlayersFactory] = {"random": lambda: random_players(scene, seed)}
        scripted: Mapping[str, Any] = scripted_policies(self.name)
        if scripted:
            opponents["scripted"] = lambda: evaluation.players_of(
                scene, {policy: ScriptedPlayer(rules, seed) for policy, rules in scripted.items()}
            )
        return opponents

    def choose_best(
        self, arena: Arena, run: RunDirectory, count: int, *, report: Report = _no_report
    ) -> dict[str, SelectedCheckpoint]:
        """Select the best of `count` checkpoints for each policy, and copy them to the run's `best` folder.

        Args:
            arena: The arena.
            run: The training run.
            count: Number of checkpoints among which to select.
            report: Called with the numbers of episodes played and to play.

        Returns:
            The selected checkpoint of each policy.
        """
        from godot_marl.training import checkpoint_selection

        candidates = checkpoint_selection.spread(run.checkpoints(), count)
        policies = dict.fromkeys(agent.policy for agent in arena.scene.agents)
        selected = {}
        count_episodes = _counter(len(policies) * checkpoint_selection.episodes_of(len(candidates)), report)
        for policy in policies:
            judge = functools.partial(self._returns_of, arena, policy, count_episodes)
            selected[policy] = checkpoint_selection.choose(candidates, judge, SELECTION_SEED)
        notes = {
            policy: {"steps": choice.steps, "mean": choice.mean, "episodes": choice.episodes}
            for policy, choice in selected.items()
        }
        run.write_best({policy: choice.checkpoint for policy, choice in selected.items()}, notes)
        return selected

    def _returns_of(
        self, arena: Arena, policy: str, report: Callable[[int], None], checkpoint: Path, seeds: Sequence[int]
    ) -> np.ndarray[Any, Any]:
        """Return the mean return of the sides of a policy against the strongest opponent, of shape (episodes,)."""
        from godot_marl.training import evaluation

        scene = arena.scene
        sides = self.settings.sides_of(scene)
        *_, make_opponents = self._opponents(scene, SELECTION_SEED).values()
        trained = self.players(arena, checkpoint)
        agents_of_policy = {agent.name for agent in scene.agents if agent.policy == policy}
        returns = []
        for side, names in sides.items():
            if agents_of_policy.intersection(names):
                players = {**make_opponents(), **{name: trained[name] for name in names}}
                returns.append(evaluation.returns_of(arena, sides, players, seeds)[side])
        report(len(seeds))
        return np.asarray(np.mean(returns, axis=0))

    def evaluate(
        self, arena: Arena, run: RunDirectory, episodes: int, seed: int, *, report: Report = _no_report
    ) -> list[Comparison]:
        """Compare the best policies with random players, with scripted ones where there are any, and an earlier self.

        The comparisons are also written to the run's `evaluation.json`.

        Args:
            arena: The arena.
            run: The training run.
            episodes: Number of episodes of each mean.
            seed: The first episode's seed.
            report: Called with the numbers of episodes played and to play.
        """
        from godot_marl.training import evaluation

        scene = arena.scene
        sides = self.settings.sides_of(scene)
        policies = {agent.name: agent.policy for agent in scene.agents}
        steps = run.best_steps(policies.values())
        earlier = run.earlier_checkpoints(policies.values()) if len(sides) > 1 else {}
        has_earlier = {side: names for side, names in sides.items() if all(policies[name] in earlier for name in names)}
        rounds = [(sides, self._opponents(scene, seed))]
        if has_earlier:
            rounds.append((has_earlier, {"earlier self": lambda: self._earlier_players(arena, run, earlier)}))
        total = episodes * sum(len(opponents) * (1 + len(compared)) for compared, opponents in rounds)
        count_episodes = _counter(total, report)
        comparisons = [
            comparison
            for compared, opponents in rounds
            for comparison in evaluation.compare(
                arena,
                compared,
                lambda: self.players(arena, run.best()),
                opponents,
                episodes=episodes,
                seed=seed,
                report=count_episodes,
            )
        ]
        steps_of_sides = {
            side: {policies[name]: steps[policies[name]] for name in names} for side, names in sides.items()
        }
        evaluation.save(comparisons, run.folder / "evaluation.json", seed=seed, steps=steps_of_sides)
        return comparisons

    def _earlier_players(self, arena: Arena, run: RunDirectory, earlier: Mapping[str, Path]) -> dict[str, Player]:
        """Load the players of each policy's earlier checkpoint, or of its best one where it has no earlier one."""
        checkpoints = {agent.name: earlier.get(agent.policy, run.best()) for agent in arena.scene.agents}
        players = {checkpoint: self.players(arena, checkpoint) for checkpoint in checkpoints.values()}
        return {name: players[checkpoint][name] for name, checkpoint in checkpoints.items()}
