"""PPO learns CartPole though its workers are killed again and again."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from processes import MARK, leaves_nothing, marked, new_mark, signal_all
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.evaluation import evaluate_policy

from godot_marl import sb3
from godot_marl.assets.install import prepare_example

pytestmark = pytest.mark.godot

logger = logging.getLogger(__name__)

EPISODE = 250
PROCESSES, COPIES = 2, 8


class Killer(BaseCallback):
    """Kills one game after so many agent-steps, each time another one, and counts what the infos say.

    Args:
        every: Agent-steps from one to the next.
        games: Finds the games that run.
    """

    def __init__(self, every: int, games: Callable[[], list[int]]) -> None:
        super().__init__()
        self.kills = 0
        self.cut_off: list[int] = []
        self.seconds_lost = 0.0
        self._every = every
        self._games = games
        self._killed_at = 0.0

    def _on_step(self) -> bool:
        cut_off = [row for row, info in enumerate(self.locals["infos"]) if info.get("worker_restarted")]
        if cut_off:
            self.cut_off.append(len(cut_off))
            self.seconds_lost += time.monotonic() - self._killed_at
            for row in cut_off:
                info = self.locals["infos"][row]
                assert self.locals["dones"][row]
                assert info["TimeLimit.truncated"]
                assert {"terminal_observation", "episode"} <= info.keys()
                assert self.locals["rewards"][row] == 0.0
        if self.num_timesteps >= (self.kills + 1) * self._every:
            games = self._games()
            assert len(games) == PROCESSES
            signal_all([games[self.kills % PROCESSES]], signal.SIGKILL)
            self.kills += 1
            self._killed_at = time.monotonic()
        return True


@pytest.mark.parametrize(
    ("steps", "epochs", "goal"),
    [
        pytest.param(15_000, 1, 0.0, id="a little"),
        pytest.param(100_000, 10, 240.0, id="to the goal", marks=[pytest.mark.nightly, pytest.mark.timeout(900)]),
    ],
)
def test_training_goes_on_though_a_worker_is_killed_every_5000_steps(
    monkeypatch: pytest.MonkeyPatch, steps: int, epochs: int, goal: float
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    torch.set_num_threads(1)
    game = prepare_example("cartpole")
    env = sb3.vec_env(game, copies=COPIES, processes=PROCESSES, max_episode_steps=EPISODE, restart_workers=True, seed=1)
    killer = Killer(5_000, lambda: sorted(marked(mark)["game"]))
    begin = time.monotonic()
    try:
        settings: dict[str, Any] = {"n_steps": 128, "batch_size": 256, "n_epochs": epochs, "gamma": 0.98}
        model = PPO("MlpPolicy", env, learning_rate=1e-3, seed=1, device="cpu", **settings)
        model.learn(steps, callback=killer)
        seconds = time.monotonic() - begin
        mean, _ = evaluate_policy(model, env, n_eval_episodes=20)
    finally:
        env.close()
    figures = {
        "kills": killer.kills,
        "restarts": len(killer.cut_off),
        "mean return": float(mean),
        "seconds": round(seconds, 1),
        "of them until replaced": round(killer.seconds_lost, 1),
    }
    logger.info("%s", figures)
    assert killer.kills == steps // 5_000
    # The last kill may come at the last step, so that only the evaluation meets it.
    assert killer.kills - len(killer.cut_off) in (0, 1)
    assert set(killer.cut_off) == {COPIES}
    assert mean >= goal
    assert leaves_nothing(mark)
