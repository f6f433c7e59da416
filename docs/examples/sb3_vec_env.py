"""Many arenas at once: stable-baselines3's PPO learns CartPole from copies of it in one Godot process."""

import click
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv

from godot_marl import sb3
from godot_marl.assets.install import prepare_example

STEPS = 100_000  # of all copies together
COPIES = 8
EPISODES = 16
SEED = 1


def make_vector() -> VecEnv:
    """A row for each copy, truncated after 250 steps. Replace the example's folder by that of your own project."""
    # The scene declares how much room it needs, so its copies can stand in one world: with bodies that is faster.
    return sb3.vec_env(prepare_example("cartpole"), copies=COPIES, layout="shared", max_episode_steps=250)


@click.command(help=__doc__)
@click.option("--steps", default=STEPS, show_default=True, help="Steps of the training.")
def main(steps: int) -> None:
    """Train, evaluate, and print the result."""
    vector = make_vector()
    model = PPO("MlpPolicy", vector, n_steps=min(steps // COPIES, 512), seed=SEED, device="cpu")
    model.learn(steps)
    mean, deviation = evaluate_policy(model, vector, n_eval_episodes=EPISODES)
    vector.close()
    print(f"mean return of {EPISODES} episodes: {mean:.1f} +- {deviation:.1f}")


if __name__ == "__main__":
    main()
