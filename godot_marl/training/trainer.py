"""Trains all policies of a scene at once, each with a PPO of its own."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from stable_baselines3.common.logger import configure
from stable_baselines3.common.utils import set_random_seed

from godot_marl.envs import ScriptedPolicy
from godot_marl.training.arena_pool import Arenas
from godot_marl.training.episodes import Episode, decide
from godot_marl.training.models import is_masked, load_models, new_models, save_models, seed_of_libraries, tune_models
from godot_marl.training.opponents import Opponents
from godot_marl.training.players import Player, Players
from godot_marl.training.rollout import PolicyLearner
from godot_marl.training.run_directory import RunDirectory, steps_of

logger = logging.getLogger(__name__)

# Episodes in the means that are shown and logged.
_RECENT = 100


@dataclass(frozen=True)
class Progress:
    """The progress of a training run.

    Attributes:
        steps: Environment steps so far.
        episodes: Episodes since the run was started or resumed.
        returns: The mean return of each side in its last 100 episodes.
    """

    steps: int
    episodes: int
    returns: dict[str, float]


class Trainer:
    """Trains the policies of a scene. Only `train` writes files.

    Args:
        run: The folder of the results.
        arenas: The arenas, with `mask_in_observation=False`; they are started if they do not run.
        checkpoint: The checkpoint from which to resume; None for a new run.
        scripted: The scripted opponent of each policy, where the game has one.

    Attributes:
        steps: Environment steps so far.

    Raises:
        InvalidOptionError: The settings or the checkpoint do not fit the scene.
        GodotMarlError: A game could not be started.
    """

    def __init__(
        self,
        run: RunDirectory,
        arenas: Arenas,
        checkpoint: Path | None = None,
        scripted: Mapping[str, ScriptedPolicy] | None = None,
    ) -> None:
        self._run = run
        self._arenas = arenas
        # The running episode of each arena; None where the next one begins.
        self._episodes: list[Episode | None] = [None] * len(arenas)
        scene = arenas.start()
        self._sides = run.settings.sides_of(scene)
        self.steps = 0 if checkpoint is None else steps_of(checkpoint)
        self._seed = run.seed + self.steps
        set_random_seed(seed_of_libraries(self._seed))
        self._models = (
            new_models(scene, run.settings, run.seed) if checkpoint is None else load_models(checkpoint, scene)
        )
        self._learners = {
            policy: PolicyLearner(model, masked=is_masked(model)) for policy, model in self._models.items()
        }
        self._policies = {agent.name: agent.policy for agent in scene.agents}
        self._settings = run.settings.at(self.steps)
        tune_models(self._models, self._settings)
        self._opponents = Opponents(run.settings, scene, scripted or {}, self._seed)
        self._recent: dict[str, deque[float]] = {side: deque(maxlen=_RECENT) for side in self._sides}
        self._lengths: deque[int] = deque(maxlen=_RECENT)
        self._episode_count = 0
        self._start_time = time.monotonic()
        self._start_steps = self.steps
        for folder in run.checkpoints():
            self._opponents.remember(folder)

    def train(self, report: Callable[[Progress], None] = lambda _: None) -> None:
        """Train until the settings' number of steps; a last update uses the steps since the one before.

        A checkpoint is also written at the end, and when Ctrl-C or an error ends the training early.

        Args:
            report: Called after each update and at the end of each episode.
        """
        self._run.start_episodes(list(self._sides), self.steps)
        for policy, model in self._models.items():
            model.set_logger(configure(str(self._run.folder / "tensorboard" / policy), ["tensorboard"]))
        self._start_time = time.monotonic()
        try:
            while self.steps < self._run.settings.steps:
                self._step_arenas(report)
            if self.steps > self._start_steps and self.steps % self._settings.n_steps:
                self._update()
                report(self._progress())
        finally:
            if self.steps > self._start_steps:
                self._save()
            for model in self._models.values():
                model.logger.close()

    def _step_arenas(self, report: Callable[[Progress], None]) -> None:
        """Step each arena, or begin an episode where none is running.

        All actions are sent before any result is awaited, so that the games run at the same time.
        """
        steps_left = self._run.settings.steps - self.steps
        running = [episode for episode in self._episodes if episode is not None][:steps_left]
        for episode, actions in zip(running, decide(running), strict=True):
            self._arenas.begin_step(episode.arena, actions)
        for arena, current in enumerate(self._episodes):
            if current is None:
                self._begin_episode(arena)
        for episode in running:
            self._finish_step(episode, report)

    def _begin_episode(self, arena: int) -> None:
        self._apply_stage()
        episode = Episode(arena, self._draw_players(), self._arenas.reset(arena), self._arenas.live(arena))
        self._episodes[arena] = episode
        self._record(episode)

    def _finish_step(self, episode: Episode, report: Callable[[Progress], None]) -> None:
        result = self._arenas.finish_step(episode.arena)
        if result is None:
            self._cut_off(episode)
            return
        episode.on_step(result, self._arenas.live(episode.arena))
        self._record(episode)
        self.steps += 1
        if self.steps % self._settings.n_steps == 0:
            self._update()
            report(self._progress())
        if self.steps % self._run.settings.checkpoint_every == 0:
            self._save()
        if not episode.live:
            self._end_episode(episode)
            report(self._progress())

    @staticmethod
    def _record(episode: Episode) -> None:
        for name in episode.result.rewards:
            player = episode.players[name]
            if isinstance(player, PolicyLearner):
                player.record((episode.arena, name), episode.result)

    def _cut_off(self, episode: Episode) -> None:
        """End an episode whose worker was lost. Its return is incomplete, so the means and the table omit it."""
        for name, player in episode.players.items():
            if isinstance(player, PolicyLearner):
                player.cut_off((episode.arena, name), episode.result)
        self._remove(episode)

    def _remove(self, episode: Episode) -> None:
        self._episodes[episode.arena] = None
        for learner in self._learners.values():
            learner.abandon_episode(episode.arena)

    def _apply_stage(self) -> None:
        settings = self._run.settings.at(self.steps)
        if settings != self._settings:
            self._settings = settings
            tune_models(self._models, settings)

    def _draw_players(self) -> Players:
        """Draw the players of the next episode: learners, or opponents on one side."""
        players: dict[str, Player] = {name: self._learners[policy] for name, policy in self._policies.items()}
        return players | self._opponents.draw(self._sides, self.steps)

    def _end_episode(self, episode: Episode) -> None:
        returns: list[float | None] = []
        for side, names in self._sides.items():
            learns = all(isinstance(episode.players[name], PolicyLearner) for name in names)
            returns.append(float(np.mean([episode.scores[name] for name in names])) if learns else None)
            if returns[-1] is not None:
                self._recent[side].append(returns[-1])
        self._lengths.append(episode.length)
        self._episode_count += 1
        self._run.add_episode(self.steps, episode.length, returns)
        self._remove(episode)

    def _progress(self) -> Progress:
        means = {side: float(np.mean(returns)) for side, returns in self._recent.items() if returns}
        return Progress(self.steps, self._episode_count, means)

    def _update(self) -> None:
        progress = self._progress()
        rate = (self.steps - self._start_steps) / (time.monotonic() - self._start_time)
        for learner in self._learners.values():
            decisions = learner.update()
            record = learner.model.logger.record
            for side, mean in progress.returns.items():
                record(f"rollout/return_{side}", mean)
            if self._lengths:
                record("rollout/episode_length", float(np.mean(self._lengths)))
            record("rollout/decisions", decisions)
            record("time/steps_per_second", rate)
            learner.model.logger.dump(self.steps)

    def _save(self) -> None:
        folder = self._run.write_checkpoint(self.steps, lambda folder: save_models(self._models, folder))
        self._opponents.remember(folder)
