"""What the commands around training share: the game, its arena, and who plays."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from godot_marl.arena import Arena
from godot_marl.cli.engine import ProgressBars
from godot_marl.cli.games import find_game, identity_of
from godot_marl.cli.progress import progress_bar
from godot_marl.engine import ensure_engine
from godot_marl.envs import scripted_policies
from godot_marl.options import Options
from godot_marl.protocol import SceneDescription

if TYPE_CHECKING:
    from godot_marl.training import Comparison, Run, Settings
    from godot_marl.training.arenas import Arenas
    from godot_marl.training.players import Player
    from godot_marl.training.selection import Choice

# Seeds by which checkpoints are chosen, far from those of trainings and of evaluations.
SELECTION_SEED = 2_000_000


@dataclass(frozen=True)
class TrainedGame:
    """A game, and how it is trained.

    Attributes:
        name: An example's name, or the absolute path of any other game.
        folder: The game.
        scene: The scene, or None for the main one.
        engine: The engine's path.
        settings: How it is trained.
    """

    name: str
    folder: Path
    scene: str | None
    engine: str
    settings: Settings

    @classmethod
    def find(
        cls, name: str, scene: str | None, engine: str | None, settings: Settings | Path | None = None
    ) -> TrainedGame:
        """Find a game, an engine, and the settings: those given, those of a file, or the game's own."""
        import torch

        from godot_marl.training import Settings

        # The policies are small: more threads cost more than they bring, and take the game's core.
        torch.set_num_threads(1)
        folder = find_game(name)
        if isinstance(settings, Path):
            settings = Settings.load(settings)
        plan = settings or Settings.of_game(folder, scene)
        with ProgressBars() as bars:
            found = ensure_engine(engine, report=bars.report)
        return cls(identity_of(name), folder, scene, str(found.path), plan)

    def with_settings(self, **changes: Any) -> TrainedGame:
        """The same game, trained with other settings."""
        return dataclasses.replace(self, settings=dataclasses.replace(self.settings, **changes))

    def arena(self, number: int | None = None, **options: Any) -> Arena:
        """An arena of the game, as training wants it: the masks beside the observations.

        Args:
            number: Which of several it is; None if it is alone.
            options: The environment's options.
        """
        wishes = {
            "scene": self.scene,
            "engine": self.engine,
            "max_episode_steps": self.settings.max_episode_steps,
            "mask_in_observation": False,
            **options,
        }
        return Arena(self.folder, Options.of(wishes), number=number)

    def arenas(self, seed: int, steps: int = 0, *, restarts: bool) -> Arenas:
        """As many arenas to train in as the settings say.

        Args:
            seed: The training's seed; that of each arena follows from it.
            steps: At how many steps the training goes on.
            restarts: Whether to replace games that are lost.
        """
        from godot_marl.training.arenas import Arenas, seed_of

        count = self.settings.processes

        def make(number: int) -> Arena:
            return self.arena(None if count == 1 else number, seed=seed_of(seed, number, steps))

        return Arenas(make, count, restarts=restarts)

    def players(self, arena: Arena, checkpoint: Path, *, deterministic: bool | None = None) -> dict[str, Player]:
        """The players of a checkpoint, one for each agent."""
        from godot_marl.training import evaluation, models
        from godot_marl.training.players import PolicyPlayer

        likeliest = self.settings.deterministic if deterministic is None else deterministic
        loaded = models.load_models(checkpoint, arena.scene)
        by_policy = {
            policy: PolicyPlayer(model, masked=models.is_masked(model), deterministic=likeliest)
            for policy, model in loaded.items()
        }
        return evaluation.policies_of(arena.scene, by_policy)

    def _opponents(self, scene: SceneDescription, seed: int) -> dict[str, Callable[[], dict[str, Player]]]:
        """Who makes the opponents that need no training: random players, and scripted ones where there are any."""
        from godot_marl.training import evaluation
        from godot_marl.training.players import ScriptedPlayer, random_cast

        opponents: dict[str, Callable[[], dict[str, Player]]] = {"random": lambda: random_cast(scene, seed)}
        scripted: Mapping[str, Any] = scripted_policies(self.name)
        if scripted:
            opponents["scripted"] = lambda: evaluation.policies_of(
                scene, {policy: ScriptedPlayer(rules, seed) for policy, rules in scripted.items()}
            )
        return opponents

    def choose_best(self, arena: Arena, run: Run, count: int) -> dict[str, Choice]:
        """Keep the best of so many checkpoints, for each policy apart, in the run's folder.

        Args:
            arena: The arena.
            run: The training.
            count: Among how many checkpoints to choose.
        """
        from godot_marl.training import selection

        candidates = selection.spread(run.checkpoints(), count)
        policies = dict.fromkeys(agent.policy for agent in arena.scene.agents)
        choices = {}
        with progress_bar("episodes") as bar:
            total = len(policies) * selection.episodes_of(len(candidates))
            task = bar.add_task("choosing the best", total=total, note="")
            for policy in policies:
                judge = functools.partial(self._returns_of, arena, policy, lambda done: bar.advance(task, done))
                choices[policy] = selection.choose(candidates, judge, SELECTION_SEED)
        notes = {
            policy: {"steps": choice.steps, "mean": choice.mean, "episodes": choice.episodes}
            for policy, choice in choices.items()
        }
        run.write_best({policy: choice.checkpoint for policy, choice in choices.items()}, notes)
        return choices

    def _returns_of(
        self, arena: Arena, policy: str, report: Callable[[int], None], checkpoint: Path, seeds: Sequence[int]
    ) -> np.ndarray[Any, Any]:
        """What the sides that a policy plays for earn with a checkpoint, on the average, against the opponents."""
        from godot_marl.training import evaluation

        scene = arena.scene
        sides = self.settings.sides_of(scene)
        *_, opponent = self._opponents(scene, SELECTION_SEED).values()
        players = self.players(arena, checkpoint)
        own = {agent.name for agent in scene.agents if agent.policy == policy}
        returns = []
        for side, names in sides.items():
            if own.intersection(names):
                cast = {**opponent(), **{name: players[name] for name in names}}
                returns.append(evaluation.returns_of(arena, sides, cast, seeds)[side])
        report(len(seeds))
        return np.asarray(np.mean(returns, axis=0))

    def evaluate(self, arena: Arena, run: Run, episodes: int, seed: int) -> list[Comparison]:
        """Compare what was learned with random players, scripted ones where there are any, and an earlier self."""
        from godot_marl.training import evaluation

        scene = arena.scene
        sides = self.settings.sides_of(scene)
        policies = {agent.name: agent.policy for agent in scene.agents}
        steps = run.best_steps(policies.values())
        earlier = run.earlier_checkpoints(policies.values()) if len(sides) > 1 else {}
        grown = {side: names for side, names in sides.items() if all(policies[name] in earlier for name in names)}
        rounds = [(sides, self._opponents(scene, seed))]
        if grown:
            rounds.append((grown, {"earlier self": lambda: self._earlier_players(arena, run, earlier)}))
        with progress_bar("episodes") as bar:
            total = episodes * sum(len(opponents) * (1 + len(judged)) for judged, opponents in rounds)
            task = bar.add_task("evaluating", total=total, note="")
            comparisons = [
                comparison
                for judged, opponents in rounds
                for comparison in evaluation.compare(
                    arena,
                    judged,
                    lambda: self.players(arena, run.best()),
                    opponents,
                    episodes=episodes,
                    seed=seed,
                    report=lambda count: bar.advance(task, count),
                )
            ]
        steps_of_sides = {
            side: {policies[name]: steps[policies[name]] for name in names} for side, names in sides.items()
        }
        evaluation.save(comparisons, run.folder / "evaluation.json", seed=seed, steps=steps_of_sides)
        return comparisons

    def _earlier_players(self, arena: Arena, run: Run, earlier: Mapping[str, Path]) -> dict[str, Player]:
        """The players of each policy's earlier checkpoint; a policy that has none plays as it is."""
        chosen = {agent.name: earlier.get(agent.policy, run.best()) for agent in arena.scene.agents}
        casts = {checkpoint: self.players(arena, checkpoint) for checkpoint in chosen.values()}
        return {name: casts[checkpoint][name] for name, checkpoint in chosen.items()}
