"""What RLlib gets: an environment of its new API stack for scenes of every kind, stepped by its own runner."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import signal_all
from ray_cluster import RayCluster

import godot_marl
from godot_marl import errors

pytestmark = [
    pytest.mark.godot,
    pytest.mark.rllib,
    pytest.mark.timeout(300),
    # RLlib's runners register what they make under the same name each time.
    pytest.mark.filterwarnings("ignore:.*Overriding environment rllib-multi-agent-env-v0 already:UserWarning"),
]

# Two kinds of agents, whose last ones end in the same step: one is over, the others are cut off.
MIXED_END = {"terminate": {"Runner": 4}, "truncate": {"Runner2": 2, "Thrower": 4}}
Make = Callable[..., Any]


@pytest.fixture
def make(scenes: Path, cluster: RayCluster) -> Iterator[Make]:
    """Make what RLlib's runner with a number makes of a registered scene."""
    from ray.rllib.env.env_context import EnvContext
    from ray.tune.registry import ENV_CREATOR, _global_registry

    from godot_marl import rllib

    made: list[Any] = []

    def make_one(scene: str, worker_index: int = 1, env_config: dict[str, Any] | None = None, **options: Any) -> Any:
        rllib.register("scene", scenes, scene=f"{scene}.tscn", **options)
        creator = _global_registry.get(ENV_CREATOR, "scene")
        made.append(creator(EnvContext(env_config or {}, worker_index=worker_index)))
        return made[-1]

    yield make_one
    for env in made:
        env.close()
    assert cluster.has_no_game()


def ends_in_a_mixed_way(scenes: Path) -> Callable[..., Any]:
    """What makes a scene whose episodes end as `MIXED_END` says; RLlib itself passes no options to a reset."""

    def make_one(**options: Any) -> Any:
        env = godot_marl.parallel_env(scenes, scene="team.tscn", mask_in_observation=False, **options)
        reset = env.reset
        env.reset = lambda seed, options: reset(seed, options or MIXED_END)
        return env

    return make_one


def sample(name: str, episodes: int, **env_config: Any) -> list[Any]:
    """Let RLlib's own runner play whole episodes with random policies, two environments at a time."""
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.env.multi_agent_env_runner import MultiAgentEnvRunner

    from godot_marl import rllib

    config = PPOConfig().environment(name, env_config=env_config).multi_agent(**rllib.multi_agent(name, **env_config))
    runner = MultiAgentEnvRunner(config=config.env_runners(num_envs_per_env_runner=2), worker_index=1)
    try:
        return runner.sample(num_episodes=episodes)
    finally:
        runner.stop()


def test_episode_that_ends_in_a_mixed_way_is_over_and_the_next_one_begins(scenes: Path, cluster: RayCluster) -> None:
    from godot_marl import rllib

    rllib.register("mixed", ends_in_a_mixed_way(scenes))
    for episode in sample("mixed", 6):
        assert episode.is_done
        assert {agent: len(part) for agent, part in episode.agent_episodes.items()} == {
            "runner_0": 4,
            "runner_1": 2,
            "thrower_0": 4,
        }
        assert episode.agent_episodes["runner_1"].is_truncated
        assert not episode.agent_episodes["runner_1"].is_terminated
        assert episode.agent_episodes["thrower_0"].module_id == "thrower"
    assert cluster.has_no_game()


@pytest.mark.parametrize(
    ("end", "terminated", "truncated"),
    [
        ({"terminate": {"Runner": 1, "Runner2": 1, "Thrower": 1}}, True, False),
        ({"truncate": {"Runner": 1, "Runner2": 1, "Thrower": 1}}, False, True),
        ({"terminate": {"Runner": 1, "Runner2": 1}, "truncate": {"Thrower": 1}}, False, True),
        ({"terminate": {"Runner": 1, "Runner2": 1}}, False, False),
    ],
)
def test_end_of_the_episode(make: Make, end: dict[str, Any], terminated: bool, truncated: bool) -> None:
    env = make("team")
    observations, _ = env.reset(seed=1, options=end)
    _, _, terminations, truncations, _ = env.step({agent: env.action_spaces[agent].sample() for agent in observations})
    assert (terminations["__all__"], truncations["__all__"]) == (terminated, truncated)


def test_agents_take_turns(scenes: Path, cluster: RayCluster) -> None:
    from godot_marl import rllib

    rllib.register("turns", scenes, scene="turns.tscn", mask_in_observation=False)
    for episode in sample("turns", 3):
        assert episode.is_done
        assert {agent: len(part) for agent, part in episode.agent_episodes.items()} == {
            "player_0": 2,
            "player_1": 2,
            "player_2": 2,
        }
        # Each gets the rewards of its own move and of the moves after it.
        assert all(part.get_return() >= 1.0 for part in episode.agent_episodes.values())
    assert cluster.has_no_game()


def test_turns_that_are_cut_off(scenes: Path, cluster: RayCluster) -> None:
    from godot_marl import rllib

    rllib.register("cut", scenes, scene="turns.tscn", mask_in_observation=False)
    for episode in sample("cut", 3, max_episode_steps=3):
        assert episode.is_truncated
        assert {agent: len(part) for agent, part in episode.agent_episodes.items()} == {
            "player_0": 1,
            "player_1": 1,
            "player_2": 1,
        }


def test_agents_that_may_join_later_have_spaces_from_the_start(make: Make) -> None:
    env = make("herd", mask_in_observation=False)
    observations, _ = env.reset(seed=1)
    assert set(observations) < set(env.possible_agents)
    assert set(env.observation_spaces) == set(env.action_spaces) == set(env.possible_agents)


def test_policies_come_from_the_scene(make: Make) -> None:
    from godot_marl import rllib

    env = make("team")
    setup = rllib.multi_agent("scene")
    assert setup["policies"] == {"runner", "thrower"}
    mapped = {agent: setup["policy_mapping_fn"](agent, None, worker=None) for agent in env.possible_agents}
    assert mapped == {"runner_0": "runner", "runner_1": "runner", "thrower_0": "thrower"}


def test_runners_play_different_episodes_after_the_same_check(make: Make) -> None:
    envs = [make("team", worker_index=index) for index in (1, 2)]
    seeds = []
    for env in envs:
        # As RLlib checks each new environment.
        env.reset(seed=42, options={})
        seeds.append([info["seed"] for _ in range(2) for info in [env.reset()[1]["runner_0"]]])
    assert len({seed for both in seeds for seed in both}) == 4


def test_same_sum_of_seed_and_numbers_gives_different_episodes_and_the_same_runner_the_same(make: Make) -> None:
    # RLlib adds the number of the runner, and that of the environment in it.
    first, second = make("team", worker_index=1), make("team", worker_index=2)

    def seeds(env: Any) -> list[int]:
        return [env.reset(seed=7)[1]["runner_0"]["seed"], env.reset()[1]["runner_0"]["seed"]]

    assert seeds(first) == seeds(first)
    assert not set(seeds(first)) & set(seeds(second))


def test_env_config_replaces_options(make: Make) -> None:
    env = make("team", env_config={"max_episode_steps": 1}, max_episode_steps=9)
    observations, _ = env.reset(seed=1)
    *_, truncations, _ = env.step({agent: env.action_spaces[agent].sample() for agent in observations})
    assert truncations == {"runner_0": True, "runner_1": True, "thrower_0": True, "__all__": True}


def test_mistakes_are_errors_before_any_game_starts(scenes: Path, cluster: RayCluster) -> None:
    from godot_marl import rllib

    with pytest.raises(errors.InvalidOptionError, match="Did you mean max_episode_steps"):
        rllib.register("wrong", scenes, max_episode_step=3)
    with pytest.raises(errors.InvalidOptionError, match="debugging"):
        rllib.register("wrong", scenes, seed=3)
    with pytest.raises(errors.InvalidOptionError, match=r'rllib.register\("wrong", game\) first'):
        rllib.multi_agent("wrong")
    assert cluster.has_no_game()


@pytest.mark.parametrize("is_stopped", [False, True], ids=["running", "stopped"])
def test_a_killed_actor_ends_its_game(scenes: Path, cluster: RayCluster, is_stopped: bool) -> None:
    import ray

    @ray.remote(num_cpus=0)
    class Player:
        def __init__(self, project: str) -> None:
            self._env = godot_marl.parallel_env(project, scene="walker.tscn")

        def play(self) -> list[str]:
            self._env.reset(seed=1)
            return sorted(self._env.step({"walker_0": 1})[0])

    player = Player.remote(str(scenes))
    assert ray.get(player.play.remote()) == ["walker_0"]
    assert len(cluster.games) == 1
    if is_stopped:
        signal_all(cluster.games, signal.SIGSTOP)
    ray.kill(player)
    assert cluster.has_no_game()
