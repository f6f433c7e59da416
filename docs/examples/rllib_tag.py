"""Chasers against a runner on a Ray cluster: RLlib's PPO learns a policy for each, from the games of all machines."""

import click
import ray
from ray.rllib.algorithms.ppo import PPOConfig

from godot_marl import rllib
from godot_marl.envs import tag_v0

STEPS = 200_000
BATCH = 4000
RUNNERS = 2
SEED = 1


def make_config(runners: int, batch: int) -> PPOConfig:
    """Each environment runner plays its own game, on any machine of the cluster."""
    rllib.register("tag", tag_v0.parallel_env)
    return (
        PPOConfig()
        .environment("tag")
        .multi_agent(**rllib.multi_agent("tag"))  # the scene declares the policies "chaser" and "runner"
        .env_runners(num_env_runners=runners)
        .fault_tolerance(restart_failed_env_runners=True)
        .training(train_batch_size_per_learner=batch, minibatch_size=min(batch, 256), num_epochs=6)
        .training(lr=3e-4, gamma=0.99, entropy_coeff=0.005)
        .debugging(seed=SEED)
    )


@click.command(help=__doc__)
@click.option("--steps", default=STEPS, show_default=True, help="Steps of the training.")
@click.option("--runners", default=RUNNERS, show_default=True, help="Games at once, on all machines together.")
def main(steps: int, runners: int) -> None:
    """Train, and print the mean returns of both policies after each batch."""
    ray.init()  # RAY_ADDRESS names the cluster; the default is this machine alone
    algorithm = make_config(runners, min(BATCH, steps)).build_algo()
    done = 0
    while done < steps:
        results = algorithm.train()["env_runners"]
        done = int(results["num_env_steps_sampled_lifetime"])
        returns = results.get("module_episode_returns_mean", {})
        means = ", ".join(f"{policy} {value:.2f}" for policy, value in sorted(returns.items()))
        print(f"{done} steps, mean returns: {means or 'no episode has ended yet'}")
    algorithm.stop()
    ray.shutdown()


if __name__ == "__main__":
    main()
