"""Trains stable-baselines3's PPO on the one agent of a game, evaluates it, and records what it learned."""

from __future__ import annotations

import contextlib
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.wrappers import RecordVideo, TimeLimit
from matplotlib.figure import Figure
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from godot_marl.errors import InvalidOptionError
from godot_marl.gym import GodotEnv

_KEYS = {"steps", "max_episode_steps", "ppo"}


@dataclass(frozen=True)
class Settings:
    """What a game's train.toml says.

    Attributes:
        steps: Environment steps of the training.
        max_episode_steps: Steps until an episode is truncated; None for no limit.
        ppo: Arguments of stable-baselines3's PPO.
    """

    steps: int = 100_000
    max_episode_steps: int | None = None
    ppo: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, *, optional: bool = False, steps: int | None = None) -> Settings:
        """Read a settings file.

        Args:
            path: The file.
            optional: The defaults will do where there is no file.
            steps: Replaces the file's.

        Raises:
            InvalidOptionError: The file does not exist, is not TOML, or has an unknown key or value.
        """
        if optional and not path.exists():
            return cls() if steps is None else cls(steps=steps)
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise _settings_error(path, "a TOML file", str(error)) from error
        unknown = sorted(set(given) - _KEYS)
        if unknown:
            raise _settings_error(path, f"the keys {', '.join(sorted(_KEYS))}", ", ".join(unknown))
        for key in ("steps", "max_episode_steps"):
            if key in given and (not isinstance(given[key], int) or given[key] < 1):
                raise _settings_error(path, f"{key} as an integer of at least 1", repr(given[key]))
        return cls(**{**given, **({} if steps is None else {"steps": steps})})


@dataclass
class Run:
    """A training that has ended.

    Attributes:
        model: What was learned.
        out: The folder of its results.
        returns: Of each episode.
        lengths: Of each episode, in steps.
        interrupted: True if Ctrl-C ended it early.
    """

    model: PPO
    out: Path
    returns: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    interrupted: bool = False

    @property
    def model_path(self) -> Path:
        """Where the model is."""
        return self.out / "model.zip"

    def plot(self) -> Path:
        """Draw the return of each episode against the steps, and return the picture's path."""
        path = self.out / "learning_curve.png"
        figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
        axes = figure.subplots()
        steps, returns = np.cumsum(self.lengths), np.asarray(self.returns)
        axes.plot(steps, returns, ".", markersize=2, alpha=0.35, color="#478cbf", label="episode")
        if len(returns) > 1:
            window = max(2, min(20, len(returns) // 5))
            mean = np.convolve(returns, np.ones(window) / window, mode="valid")
            axes.plot(steps[window - 1 :], mean, color="#24476b", label=f"mean of {window} episodes")
        axes.set(xlabel="environment steps", ylabel="return", title=f"PPO, {self.out.name}")
        axes.grid(alpha=0.25)
        axes.legend(loc="lower right")
        figure.savefig(path)
        return path


def make_env(game: Path, options: Mapping[str, Any], settings: Settings) -> gymnasium.Env[Any, Any]:
    """Make the environment of one agent, with the settings' time limit."""
    env: gymnasium.Env[Any, Any] = GodotEnv(game, **options)
    if settings.max_episode_steps is not None:
        env = TimeLimit(env, settings.max_episode_steps)
    return env


def train(game: Path, options: Mapping[str, Any], settings: Settings, *, seed: int, out: Path) -> Run:
    """Train a policy. Ctrl-C ends the training early and keeps what was learned.

    Args:
        game: The game.
        options: Options of the environment.
        settings: How to train.
        seed: Seeds policy and environment.
        out: The folder of the results; it is made.

    Raises:
        InvalidOptionError: The folder holds results already, or PPO does not know one of its settings.
        GodotMarlError: The game failed.
    """
    if (out / "model.zip").exists():
        raise InvalidOptionError(
            "The folder holds the results of another training.",
            where=f"out={str(out)!r}",
            expected="a new or empty folder",
            got="a folder with a model.zip",
        )
    with contextlib.ExitStack() as cleanup:
        env = make_env(game, {**options, "seed": seed}, settings)
        cleanup.callback(env.close)
        env.reset()  # the game starts, or says what is wrong with it, before anything is written
        out.mkdir(parents=True, exist_ok=True)
        monitor = Monitor(env, str(out / "monitor.csv"))
        cleanup.callback(monitor.close)
        run = Run(_new_model(monitor, settings, seed, out), out)
        try:
            run.model.learn(settings.steps, progress_bar=True)
        except KeyboardInterrupt:
            run.interrupted = True
        cleanup.callback(run.model.logger.close)
        run.returns, run.lengths = monitor.get_episode_rewards(), monitor.get_episode_lengths()
        run.model.save(run.model_path)
        return run


def _new_model(env: gymnasium.Env[Any, Any], settings: Settings, seed: int, out: Path) -> PPO:
    policy = "MultiInputPolicy" if isinstance(env.observation_space, gymnasium.spaces.Dict) else "MlpPolicy"
    logs = str(out / "tensorboard")
    try:
        return PPO(policy, env, seed=seed, device="cpu", tensorboard_log=logs, **settings.ppo)
    except TypeError as error:
        raise InvalidOptionError(
            "The settings cannot be used.",
            where="the section [ppo]",
            expected="arguments of stable_baselines3.PPO",
            got=str(error),
        ) from error


def load(path: Path) -> PPO:
    """Load a model that `train` saved.

    Raises:
        InvalidOptionError: The file is no such model.
    """
    try:
        return PPO.load(path, device="cpu")
    except (OSError, ValueError, KeyError) as error:
        raise InvalidOptionError(
            "The model could not be loaded.",
            where=str(path),
            expected="the model.zip that `godot-marl train` wrote",
            got=f"{type(error).__name__}: {error}",
        ) from error


def evaluate(
    model: PPO, game: Path, options: Mapping[str, Any], settings: Settings, episodes: int
) -> np.ndarray[Any, Any]:
    """The returns of fresh episodes: float64 of shape (episodes,)."""
    env = Monitor(make_env(game, options, settings))
    try:
        returns, _ = evaluate_policy(model, env, episodes, deterministic=True, return_episode_rewards=True)
    finally:
        env.close()
    return np.asarray(returns)


def record(model: PPO, game: Path, options: Mapping[str, Any], settings: Settings, out: Path) -> Path:
    """Record a video of one episode, and return its path."""
    return record_episodes(model, game, options, settings, out, 1)[0]


def record_episodes(
    model: PPO, game: Path, options: Mapping[str, Any], settings: Settings, out: Path, episodes: int
) -> list[Path]:
    """Record a video of each episode, and return their paths."""
    folder = out / "video"
    shutil.rmtree(folder, ignore_errors=True)
    env = make_env(game, {**options, "render_mode": "rgb_array"}, settings)
    recorder = RecordVideo(env, str(folder), episode_trigger=lambda _: True, name_prefix=game.stem)
    try:
        for _ in range(episodes):
            observation, _ = recorder.reset()
            over = False
            while not over:
                action, _ = model.predict(observation, deterministic=True)
                observation, _, terminated, truncated, _ = recorder.step(action)
                over = terminated or truncated
    finally:
        recorder.close()
    return sorted(folder.glob("*.mp4"))


def _settings_error(path: Path, expected: str, got: str) -> InvalidOptionError:
    return InvalidOptionError("The settings cannot be used.", where=str(path), expected=expected, got=got)
