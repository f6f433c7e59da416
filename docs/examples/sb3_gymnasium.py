"""One agent through Gymnasium: stable-baselines3's PPO learns to balance the pole, and is evaluated in new episodes."""

import click
import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

import godot_marl  # noqa: F401 - it registers "godot_marl/Godot-v0" with Gymnasium
from godot_marl.assets.install import prepare_example

STEPS = 40_000
EPISODES = 5
SEED = 1


def make_env() -> gymnasium.Env:
    """CartPole, truncated after 250 steps. Replace the example's folder by that of your own project."""
    env = gymnasium.make("godot_marl/Godot-v0", game=prepare_example("cartpole"), max_episode_steps=250)
    return Monitor(env)  # counts returns and lengths


@click.command(help=__doc__)
@click.option("--steps", default=STEPS, show_default=True, help="Steps of the training.")
def main(steps: int) -> None:
    """Train, evaluate, and print the result."""
    env = make_env()
    model = PPO("MlpPolicy", env, n_steps=min(steps, 2048), seed=SEED, device="cpu")
    model.learn(steps)
    env.close()

    env = make_env()
    mean, deviation = evaluate_policy(model, env, n_eval_episodes=EPISODES)
    env.close()
    print(f"mean return of {EPISODES} episodes: {mean:.1f} +- {deviation:.1f}")


if __name__ == "__main__":
    main()
