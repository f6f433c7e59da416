"""Several agents that share a policy, through SuperSuit: stable-baselines3's PPO learns from all carts at once."""

import click
import supersuit
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from godot_marl import pad_agents
from godot_marl.envs import cartpole_v0

SCENE = "several_carts.tscn"
STEPS = 100_000  # of all carts together
GAMES = 2
SEED = 1


def make_vector(padding: str) -> VecEnv:
    """A row for each cart of each game, in the form that stable-baselines3 needs."""
    carts = cartpole_v0.parallel_env(scene=SCENE)
    # Poles fall at different times, but a vector has all rows in every step. Both wrappers fill the rows of carts that
    # have ended. Only pad_agents reports to PPO when a cart ended and what it observed last.
    carts = pad_agents(carts) if padding == "ours" else supersuit.black_death_v3(carts)
    game = supersuit.pettingzoo_env_to_vec_env_v1(carts)
    vector = supersuit.concat_vec_envs_v1(game, GAMES, base_class="stable_baselines3")
    game.close()  # it was only the template: the vector plays copies of it
    # PPO(seed=...) calls a method that SuperSuit's vectors do not have.
    vector.venv.seed = lambda seed: vector.venv.reset(seed=seed)
    return vector


def play(model: PPO) -> dict[str, float]:
    """The return of each cart in a new episode."""
    env = cartpole_v0.parallel_env(scene=SCENE)
    observations, _ = env.reset(seed=SEED)
    returns = dict.fromkeys(env.agents, 0.0)
    while env.agents:
        actions = {cart: model.predict(observations[cart], deterministic=True)[0] for cart in env.agents}
        observations, rewards, _, _, _ = env.step(actions)
        for cart, reward in rewards.items():
            returns[cart] += reward
    env.close()
    return returns


@click.command(help=__doc__)
@click.option("--steps", default=STEPS, show_default=True, help="Steps of the training.")
@click.option("--padding", type=click.Choice(["ours", "supersuit"]), default="ours", show_default=True)
def main(steps: int, padding: str) -> None:
    """Train, play, and print the result."""
    vector = make_vector(padding)
    model = PPO("MlpPolicy", vector, n_steps=min(steps // vector.num_envs, 1024), seed=SEED, device="cpu")
    model.learn(steps)
    vector.close()
    for cart, total in play(model).items():
        print(f"{cart}: return of a new episode {total:.0f}")


if __name__ == "__main__":
    main()
