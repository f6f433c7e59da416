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
from godot_marl.training.arenas import Arenas
from godot_marl.training.episodes import Episode, decide
from godot_marl.training.experience import Learner
from godot_marl.training.models import is_masked, load_models, new_models, save_models, tune_models
from godot_marl.training.opponents import Opponents
from godot_marl.training.players import Cast, Player
from godot_marl.training.run import Run, steps_of

logger = logging.getLogger(__name__)

# How many of the last episodes the means that are shown and logged are of.
_RECENT = 100


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        steps: Environment steps so far.
        episodes: Episodes since it was started or resumed.
        returns: The mean return of each side in its last 100 episodes.
    """

    steps: int
    episodes: int
    returns: dict[str, float]


class Training:
    """A training that is under way. Nothing is written before `train`.

    Args:
        run: Where its results go.
        arenas: The arenas, with `mask_in_observation=False`.
        checkpoint: The checkpoint to go on from; None to begin.
        scripted: The scripted opponent of each policy, where the game has one.

    Raises:
        InvalidOptionError: The settings or the checkpoint do not fit the scene.
        GodotMarlError: The game could not be started.
    """

    def __init__(
        self,
        run: Run,
        arenas: Arenas,
        checkpoint: Path | None = None,
        scripted: Mapping[str, ScriptedPolicy] | None = None,
    ) -> None:
        self._run = run
        self._arenas = arenas
        # The episode of each arena; None where one is to begin.
        self._playing: list[Episode | None] = [None] * len(arenas)
        scene = arenas.start()
        self._sides = run.settings.sides_of(scene)
        self.steps = 0 if checkpoint is None else steps_of(checkpoint)
        self._seed = run.seed + self.steps
        set_random_seed(self._seed)
        self._models = (
            new_models(scene, run.settings, run.seed) if checkpoint is None else load_models(checkpoint, scene)
        )
        self._learners = {policy: Learner(model, masked=is_masked(model)) for policy, model in self._models.items()}
        self._policies = {agent.name: agent.policy for agent in scene.agents}
        self._settings = run.settings.at(self.steps)
        tune_models(self._models, self._settings)
        self._opponents = Opponents(run.settings, scene, scripted or {}, self._seed)
        self._recent: dict[str, deque[float]] = {side: deque(maxlen=_RECENT) for side in self._sides}
        self._lengths: deque[int] = deque(maxlen=_RECENT)
        self._episodes = 0
        self._begin = time.monotonic()
        self._steps_at_begin = self.steps
        for folder in run.checkpoints():
            self._opponents.remember(folder)

    def train(self, report: Callable[[Progress], None] = lambda _: None) -> None:
        """Train until the settings' number of steps is reached, and learn from what came after the last update, too.

        Ctrl-C, like any other end before that, leaves a last checkpoint; a game that failed leaves one too.

        Args:
            report: Is called after each update and at the end of each episode.
        """
        self._run.start_episodes(list(self._sides), self.steps)
        for policy, model in self._models.items():
            model.set_logger(configure(str(self._run.folder / "tensorboard" / policy), ["tensorboard"]))
        self._begin = time.monotonic()
        try:
            while self.steps < self._run.settings.steps:
                self._play_round(report)
            if self.steps > self._steps_at_begin and self.steps % self._settings.n_steps:
                self._update()
                report(self._progress())
        finally:
            if self.steps > self._steps_at_begin:
                self._save()
            for model in self._models.values():
                model.logger.close()

    def _play_round(self, report: Callable[[Progress], None]) -> None:
        """Let each arena make a step, or begin an episode where none is under way.

        All games are asked before any is waited for.
        """
        steps_left = self._run.settings.steps - self.steps
        playing = [episode for episode in self._playing if episode is not None][:steps_left]
        for episode, actions in zip(playing, decide(playing), strict=True):
            self._arenas.begin_step(episode.arena, actions)
        for arena, over in enumerate(self._playing):
            if over is None:
                self._begin_episode(arena)
        for episode in playing:
            self._go_on(episode, report)

    def _begin_episode(self, arena: int) -> None:
        self._begin_stage()
        cast = self._cast()
        episode = Episode(arena, cast, self._arenas.reset(arena), self._arenas.live(arena))
        self._playing[arena] = episode
        self._learn_from(episode)

    def _go_on(self, episode: Episode, report: Callable[[Progress], None]) -> None:
        outcome = self._arenas.finish_step(episode.arena)
        if outcome is None:
            self._cut_off(episode)
            return
        episode.go_on(outcome, self._arenas.live(episode.arena))
        self._learn_from(episode)
        self.steps += 1
        if self.steps % self._settings.n_steps == 0:
            self._update()
            report(self._progress())
        if self.steps % self._run.settings.checkpoint_every == 0:
            self._save()
        if not episode.live:
            self._end_episode(episode)
            report(self._progress())

    def _learn_from(self, episode: Episode) -> None:
        for name in episode.outcome.rewards:
            player = episode.cast[name]
            if isinstance(player, Learner):
                player.take((episode.arena, name), episode.outcome)

    def _cut_off(self, episode: Episode) -> None:
        """End an episode whose game was lost. What it would have come to is not known, so no mean has it."""
        for name, player in episode.cast.items():
            if isinstance(player, Learner):
                player.cut_off((episode.arena, name), episode.outcome)
        self._leave(episode)

    def _leave(self, episode: Episode) -> None:
        self._playing[episode.arena] = None
        for learner in self._learners.values():
            learner.abandon_episode(episode.arena)

    def _begin_stage(self) -> None:
        settings = self._run.settings.at(self.steps)
        if settings != self._settings:
            self._settings = settings
            tune_models(self._models, settings)

    def _cast(self) -> Cast:
        """Everybody learns, or one side is played by somebody who does not."""
        cast: dict[str, Player] = {name: self._learners[policy] for name, policy in self._policies.items()}
        return cast | self._opponents.draw(self._sides, self.steps)

    def _end_episode(self, episode: Episode) -> None:
        returns: list[float | None] = []
        for side, names in self._sides.items():
            learns = all(isinstance(episode.cast[name], Learner) for name in names)
            returns.append(float(np.mean([episode.scores[name] for name in names])) if learns else None)
            if returns[-1] is not None:
                self._recent[side].append(returns[-1])
        self._lengths.append(episode.length)
        self._episodes += 1
        self._run.add_episode(self.steps, episode.length, returns)
        self._leave(episode)

    def _progress(self) -> Progress:
        means = {side: float(np.mean(returns)) for side, returns in self._recent.items() if returns}
        return Progress(self.steps, self._episodes, means)

    def _update(self) -> None:
        progress = self._progress()
        rate = (self.steps - self._steps_at_begin) / (time.monotonic() - self._begin)
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
