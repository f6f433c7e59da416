"""Self-play with action masks: sb3-contrib's MaskablePPO learns Connect Four against its own earlier selves."""

import click
import gymnasium
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.evaluation import evaluate_policy

from godot_marl.envs import connect_four_v0

STEPS, ROLLOUT, REFRESH, GAMES = 20_000, 1024, 4, 50  # an opponent stays for REFRESH rollouts


class OnePlayer(gymnasium.Env):
    """Connect Four for one player, red or gold at random. Without an opponent, the other player moves at random."""

    def __init__(self):
        self.game, self.opponent = connect_four_v0.env(), None
        self.observation_space = self.game.observation_space("player_0")["observation"]
        self.action_space = self.game.action_space("player_0")

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        self.game.reset(seed=seed, options=options)
        self.player = self.np_random.choice(self.game.agents)
        return self.answer()[0], {}

    def step(self, action):
        self.game.step(action)
        return self.answer()

    def answer(self):
        """Play the other player's move if it has the turn, and return what the step returns."""
        if (other := self.game.agent_selection) != self.player and not self.game.terminations[other]:
            view, past = self.game.observe(other), self.opponent
            mask = view["action_mask"]
            action = past.predict(view["observation"], action_masks=mask)[0] if past else self.action_space.sample(mask)
            self.game.step(action)
        observation = self.game.observe(self.player)["observation"]
        return observation, self.game.rewards[self.player], self.game.terminations[self.player], False, {}

    def action_masks(self):  # MaskablePPO calls it before each move
        return self.game.observe(self.player)["action_mask"]


@click.command(help=__doc__)
@click.option("--steps", default=STEPS, show_default=True, help="Steps of the training.")
def main(steps: int) -> None:
    """Train, play against a random player, and print the result."""
    env = OnePlayer()
    rollout = min(ROLLOUT, steps // (2 * REFRESH))
    model, env.opponent = (MaskablePPO("MlpPolicy", env, n_steps=rollout, seed=1, device="cpu") for _ in range(2))
    while model.num_timesteps < steps:
        env.opponent.set_parameters(model.get_parameters())
        model.learn(REFRESH * rollout, reset_num_timesteps=False)
    env.opponent = None
    rewards, _ = evaluate_policy(model, env, GAMES, return_episode_rewards=True, warn=False)
    print(f"won {rewards.count(1.0)} of {GAMES} games against a random player, lost {rewards.count(-1.0)}")
    env.game.close()


if __name__ == "__main__":
    main()
