"""Self-play with action masks: sb3-contrib's MaskablePPO learns Connect Four against its own earlier selves."""

import click
import gymnasium
import numpy as np
from sb3_contrib import MaskablePPO

from godot_marl.envs import connect_four_v0

STEPS = 20_000
ROLLOUT = 1024
REFRESH = 4  # rollouts until the policy as it then is becomes the opponent
GAMES = 50
SEED = 1


class OnePlayer(gymnasium.Env):
    """Connect Four as one of the two sees it, in a random seat. Without an opponent the other moves at random."""

    def __init__(self):
        self.game = connect_four_v0.env()
        self.observation_space = self.game.observation_space("player_0")["observation"]
        self.action_space = self.game.action_space("player_0")
        self.opponent = None

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.game.reset(seed=seed, options=options)
        self.seat = self.np_random.choice(["player_0", "player_1"])
        self.let_opponent_move()
        return self.look(self.seat), {}

    def step(self, action):
        self.game.step(action)
        self.let_opponent_move()
        return self.look(self.seat), self.game.rewards[self.seat], self.game.terminations[self.seat], False, {}

    def let_opponent_move(self):
        other = self.game.agent_selection
        if other == self.seat or self.game.terminations[other]:
            return
        mask = self.game.observe(other)["action_mask"]
        if self.opponent is None:
            action = self.np_random.choice(np.flatnonzero(mask))
        else:
            action, _ = self.opponent.predict(self.look(other), action_masks=mask)
        self.game.step(action)

    def look(self, player):
        return self.game.observe(player)["observation"]

    def action_masks(self):  # MaskablePPO asks for it before each move
        return self.game.observe(self.seat)["action_mask"]

    def close(self):
        self.game.close()


def play(model: MaskablePPO, env: OnePlayer) -> float:
    """The last reward of a game: 1 for a win, -1 for a loss."""
    observation, _ = env.reset()
    is_over = False
    while not is_over:
        action, _ = model.predict(observation, action_masks=env.action_masks(), deterministic=True)
        observation, reward, is_over, _, _ = env.step(action)
    return reward


@click.command(help=__doc__)
@click.option("--steps", default=STEPS, show_default=True, help="Steps of the training.")
def main(steps: int) -> None:
    """Train, play against a random player, and say what came out."""
    env = OnePlayer()
    rollout = min(ROLLOUT, steps // (2 * REFRESH))
    model, earlier = (MaskablePPO("MlpPolicy", env, n_steps=rollout, seed=SEED, device="cpu") for _ in range(2))
    env.opponent = earlier
    while model.num_timesteps < steps:
        earlier.set_parameters(model.get_parameters())
        model.learn(REFRESH * rollout, reset_num_timesteps=False)

    env.opponent = None
    rewards = [play(model, env) for _ in range(GAMES)]
    env.close()
    print(f"won {rewards.count(1.0)} of {GAMES} games against a random player, lost {rewards.count(-1.0)}")


if __name__ == "__main__":
    main()
