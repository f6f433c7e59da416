"""One agent through SuperSuit: several games at once for stable-baselines3's PPO."""

import click
import supersuit
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from godot_marl import pad_agents
from godot_marl.envs import cartpole_v0

STEPS = 40_000  # of all games together
GAMES = 2
SEED = 1


def make_vector() -> VecEnv:
    """A row for each game, in the form that stable-baselines3 needs."""
    # pad_agents reports to PPO that the time limit truncated an episode; SuperSuit alone does not.
    one = supersuit.pettingzoo_env_to_vec_env_v1(pad_agents(cartpole_v0.parallel_env()))
    vector = supersuit.concat_vec_envs_v1(one, GAMES, base_class="stable_baselines3")
    one.close()  # it was only the template: the vector plays copies of it
    # PPO(seed=...) calls a method that SuperSuit's vectors do not have.
    vector.venv.seed = lambda seed: vector.venv.reset(seed=seed)
    return vector


def play(model: PPO) -> float:
    """The return of a new episode."""
    env = cartpole_v0.parallel_env()
    observations, _ = env.reset(seed=SEED)
    total = 0.0
    while env.agents:
        action, _ = model.predict(observations["cart_0"], deterministic=True)
        observations, rewards, _, _, _ = env.step({"cart_0": action})
        total += rewards["cart_0"]
    env.close()
    return total


@click.command(help=__doc__)
@click.option("--steps", default=STEPS, show_default=True, help="Steps of the training.")
def main(steps: int) -> None:
    """Train, play, and print the result."""
    vector = make_vector()
    model = PPO("MlpPolicy", vector, n_steps=min(steps // GAMES, 1024), seed=SEED, device="cpu")
    model.learn(steps)
    vector.close()
    print(f"return of a new episode: {play(model):.0f}")


if __name__ == "__main__":
    main()
