"""What a scene and its user can ask for, on the real engine."""

from __future__ import annotations

import hashlib
import logging
import pickle
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from by_hand import ByHand, free_port
from exporting import export
from gymnasium import spaces

import godot_marl
from godot_marl import errors
from godot_marl.engine import Engine
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., GodotParallelEnv]


def actions_for(env: GodotParallelEnv) -> dict[str, Any]:
    """The first action of each live agent's space."""
    return {
        agent: np.zeros(2, np.float32) if isinstance(env.action_space(agent), spaces.Box) else 0 for agent in env.agents
    }


@pytest.fixture
def team(make: MakeEnv) -> GodotParallelEnv:
    """Two runners with a box of actions, and between them a thrower with four and a mask."""
    return make("team")


# -- Names -------------------------------------------------------------------------------------------------------------


def test_names_come_from_the_nodes_in_tree_order(make: MakeEnv) -> None:
    names = [
        "cart_0",
        "heavy_cart_0",
        "cart_1",
        "http_server_0",
        "cart_2",
        "agent_0",
        "größe_0",
        "玩家_0",
        "agent_1",
    ]
    env = make("names")
    observations, infos = env.reset(seed=1)
    assert env.possible_agents == env.agents == list(observations) == list(infos) == names
    moved, *_ = env.step({name: 1 + (name == "玩家_0") for name in names})
    assert {name: seen.item() for name, seen in moved.items()} == {name: float(name == "玩家_0") for name in names}


def test_policies_are_those_that_the_agents_name(team: GodotParallelEnv, make: MakeEnv) -> None:
    assert team.policies == {"runner_0": "runner", "thrower_0": "thrower", "runner_1": "runner"}
    assert make("walker").policies == {"walker_0": "default"}


# -- Spaces ------------------------------------------------------------------------------------------------------------

EDGES = {
    "float_0": np.array([[1.5, -0.0, 3.4e38], [-3.4e38, 1e-38, 0.1]], np.float32),
    "float_1": np.array([[1.7e308, -5e-324, 0.1], [1 / 3, -1.0, 2.0**60 + 256]]),
    "int_0": np.array([[-128, 127, 0], [1, 2, 3]], np.int8),
    "int_1": np.array([[-32768, 32767, 0], [1, 2, 3]], np.int16),
    "int_2": np.array([[-(2**31), 2**31 - 1, 0], [1, 2, 3]], np.int32),
    "int_3": np.array([[-(2**63), 2**63 - 1, 2**53 + 1], [1, 2, 3]], np.int64),
    "uint_0": np.array([[0, 255, 128], [1, 2, 3]], np.uint8),
    "discrete_0": 2,
    "discrete_from_0": -2,
    "multi_discrete_0": np.array([1, 299, 0]),
    "multi_binary_0": np.array([1, 0, 0, 1, 1, 0, 1, 0, 1], np.int8),
}
# As apply_action has them: an Array of numbers, a Dictionary in an Array, an Array with a value for each member.
TEXTS = {
    "int_2": "[-2147483648, 2147483647, 0, 1, 2, 3]",
    "int_3": "[-9223372036854775808, 9223372036854775807, 9007199254740993, 1, 2, 3]",
    "discrete_0": "[2]",
    "discrete_from_0": "[-2]",
    "multi_discrete_0": "[1, 299, 0]",
    "dict_0": '[{ "B": [[1, 0], [0, 50, 100, 150, 200, 250]], "a": { "ü": [0.5, 1.5] }, "z": [7] }]',
    "tuple_0": '[[1], [0.1, -0.2, 0.3, -1.0], { "n": [3, 2] }]',
}


def test_every_kind_of_space_comes_back_as_it_was_sent(make: MakeEnv) -> None:
    env = make("echo")
    first, _ = env.reset(seed=1)
    assert all(env.observation_space(agent).contains(first[agent]) for agent in env.agents)
    random = np.random.default_rng(1)
    actions: dict[str, Any] = {
        **EDGES,
        "image_0": random.integers(0, 256, (84, 84, 3), np.uint8),
        "dict_0": {
            "z": 7,
            "a": {"ü": np.array([0.5, 1.5], np.float32)},
            "B": (np.array([1, 0], np.int8), np.arange(0, 300, 50, np.uint8).reshape(2, 3, 1)),
        },
        "tuple_0": (1, np.array([[0.1, -0.2], [0.3, -1.0]]), {"n": np.array([3, 2])}),
    }
    assert set(actions) == set(env.agents)
    observations, _, _, _, infos = env.step(actions)
    for agent, action in actions.items():
        assert_same(observations[agent], action)
        assert env.observation_space(agent).contains(observations[agent]), agent
    assert {agent: infos[agent]["text"] for agent in TEXTS} == TEXTS


def assert_same(got: Any, sent: Any) -> None:
    if isinstance(sent, dict):
        assert set(got) == set(sent)
        for key in sent:
            assert_same(got[key], sent[key])
    elif isinstance(sent, tuple):
        assert len(got) == len(sent)
        for got_member, sent_member in zip(got, sent, strict=True):
            assert_same(got_member, sent_member)
    else:
        np.testing.assert_array_equal(got, sent)
        assert np.asarray(got).dtype == np.asarray(sent).dtype


def test_spaces_from_python_serve_all_agents(make: MakeEnv) -> None:
    space = spaces.Box(-1, 1, (2,), np.float64)
    env = make("no_action_space", action_space=space, observation_space=space)
    env.reset(seed=1)
    assert env.action_space("spaceless_0") == env.observation_space("other_0") == space
    observations, *_ = env.step({agent: np.array([0.1, -1]) for agent in env.agents})
    assert {agent: seen.tolist() for agent, seen in observations.items()} == {
        "spaceless_0": [0.1, -1.0],
        "other_0": [0.1, -1.0],
    }


def test_space_from_python_by_agent_and_an_observation_space_found_by_looking(make: MakeEnv) -> None:
    given = {"spaceless_0": spaces.Box(0, 9, (2,), np.int32), "other_0": spaces.MultiDiscrete([3, 4])}
    env = make("no_action_space", action_space=given)
    assert {agent: env.action_space(agent) for agent in env.possible_agents} == given
    assert env.observation_space("other_0") == spaces.Box(-np.inf, np.inf, (2,), np.float32)


def test_space_for_an_agent_that_does_not_exist_is_an_error(make: MakeEnv) -> None:
    env = make("no_action_space", action_space={"spaceless": spaces.Discrete(2)})
    with pytest.raises(errors.InvalidOptionError) as raised:
        env.reset()
    assert str(raised.value) == (
        "action_space names an agent that the scene does not have.\n"
        "  where: action_space\n"
        "  expected: some of spaceless_0, other_0\n"
        "  got: spaceless\n"
        "  what to do: Use the names in possible_agents."
    )


# -- Masks, infos, state -----------------------------------------------------------------------------------------------


def test_any_text_comes_back_as_it_was_sent(team: GodotParallelEnv) -> None:
    characters = "".join(map(chr, [*range(1, 0x100), 0x2028, 0xFFFD, 0x1F3C1]))
    texts = [characters, *characters, "\\v", "\\\v", "\\\\v", "\\\\\v\\", '"\v"', "\v\v"]
    options = {"terminate": {text: text for text in texts}}
    _, infos = team.reset(seed=1, options=options)
    assert infos["runner_0"]["options"] == options


def test_mask_is_in_the_observation_and_in_the_info(team: GodotParallelEnv) -> None:
    observations, infos = team.reset(seed=1)
    for _ in range(3):
        mask = observations["thrower_0"]["action_mask"]
        np.testing.assert_array_equal(mask, infos["thrower_0"]["action_mask"])
        observations, _, _, _, infos = team.step(actions_for(team))
    assert mask.tolist() == [1, 1, 0, 1]
    assert team.observation_space("thrower_0")["action_mask"].shape == (4,)
    assert "action_mask" not in infos["runner_0"]


def test_masked_action_reaches_the_scene(team: GodotParallelEnv) -> None:
    _, infos = team.reset(seed=1)
    assert infos["thrower_0"]["action_mask"].tolist() == [0, 1, 1, 1]
    *_, infos = team.step(actions_for(team) | {"thrower_0": 0})
    assert infos["thrower_0"]["action"] == [0]


def test_mask_stays_in_the_info_alone_when_so_wished(make: MakeEnv) -> None:
    env = make("team", mask_in_observation=False)
    observations, infos = env.reset(seed=1)
    assert observations["thrower_0"].tolist() == [0, 0, 0]
    assert infos["thrower_0"]["action_mask"].tolist() == [0, 1, 1, 1]


def test_infos_carry_what_the_agents_say_and_the_seed(team: GodotParallelEnv) -> None:
    _, infos = team.reset(seed=9, options={"truncate": {"Runner": 5}})
    assert infos["runner_0"] == {
        "own_seed": infos["runner_0"]["own_seed"],
        "options": {"truncate": {"Runner": 5}},
        "action": [],
        "seed": 9,
    }
    *_, infos = team.step(actions_for(team) | {"runner_1": np.array([-0.5, 2.5], np.float32)})
    assert infos["runner_1"]["action"] == [-0.5, 2.5]
    *_, infos = team.step(actions_for(team))
    assert infos["runner_1"] == {}


def test_state_travels_with_every_reply(team: GodotParallelEnv) -> None:
    assert team.state_space == spaces.Dict(episodes=spaces.Discrete(100), members=spaces.Box(0, 9, (1,), np.int32))
    team.reset(seed=1, options={"leave": {"Runner2": 2}})
    states = [team.state()]
    for _ in range(3):
        team.step(actions_for(team))
        states.append(team.state())
    team.reset()
    states.append(team.state())
    assert all(team.state_space.contains(state) for state in states)
    assert [(state["episodes"], state["members"].item()) for state in states] == [(1, 3)] * 2 + [(1, 2)] * 2 + [(2, 2)]


def test_scene_without_state_says_so(make: MakeEnv) -> None:
    env = make("walker")
    env.reset(seed=1)
    with pytest.raises(errors.SceneError, match="The scene has no state"):
        env.state()
    with pytest.raises(AttributeError, match="no state space"):
        _ = env.state_space


# -- Options and seeds -------------------------------------------------------------------------------------------------


def test_options_for_a_scene_without_set_options_log_one_debug_line(
    make: MakeEnv, caplog: pytest.LogCaptureFixture
) -> None:
    env = make("walker")
    with caplog.at_level(logging.DEBUG, logger="godot_marl"):
        env.reset(seed=1)
        caplog.clear()
        env.reset(seed=1, options={"level": 3})
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", "no node of the scene has set_options(); these options are not used: {'level': 3}")
    ]


def test_unknown_option_is_rejected_and_the_next_reset_works(team: GodotParallelEnv) -> None:
    # The root knows `absent` and the members know the others: an error is only what all reject.
    team.reset(seed=1, options={"absent": [], "leave": {}})
    with pytest.raises(errors.InvalidOptionError) as raised:
        team.reset(seed=1, options={"leave": {}, "speed": 3})
    assert str(raised.value) == (
        "The scene rejects a reset option.\n"
        "  where: /root/Team.set_options()\n"
        "  expected: an option that the scene knows\n"
        "  got: speed\n"
        "  what to do: Leave it out of reset(options=...), or let set_options() accept it."
    )
    assert team.reset(seed=1)[0]


def test_each_agent_gets_its_own_seed_from_the_episodes_seed_and_its_name(team: GodotParallelEnv) -> None:
    for seed in (0, 7, 2**63 - 1):
        _, infos = team.reset(seed=seed)
        for agent in team.agents:
            digest = hashlib.sha256(f"{seed}/{agent}".encode()).digest()
            assert infos[agent]["own_seed"] == int.from_bytes(digest[:8], "little") & (2**63 - 1)


def test_resets_without_seed_draw_from_the_seed_before(make: MakeEnv) -> None:
    def drawn(**options: int) -> list[int]:
        env = make("walker", **options)
        return [env.reset()[1]["walker_0"]["seed"] for _ in range(3)]

    first, again, other = drawn(seed=5), drawn(seed=5), drawn()
    assert first == again
    assert len(set(first + other)) == 6


# -- Ends --------------------------------------------------------------------------------------------------------------


def test_agents_end_apart_terminated_or_truncated(team: GodotParallelEnv) -> None:
    team.reset(seed=1, options={"terminate": {"Runner": 2}, "truncate": {"Thrower": 3}})
    ends = []
    for _ in range(4):
        observations, rewards, terminations, truncations, infos = team.step(actions_for(team))
        assert list(observations) == list(rewards) == list(terminations) == list(truncations) == list(infos)
        ends.append([(a, terminations[a], truncations[a]) for a in observations])
        assert all(type(flag) is bool for flag in [*terminations.values(), *truncations.values()])
    going = [(agent, False, False) for agent in ("runner_0", "thrower_0", "runner_1")]
    assert ends == [
        going,
        [("runner_0", True, False), *going[1:]],
        [("thrower_0", False, True), going[2]],
        [going[2]],
    ]


def test_agent_whose_node_is_freed_is_terminated_with_its_last_observation(team: GodotParallelEnv) -> None:
    team.reset(seed=1, options={"leave": {"Runner": 2}})
    team.step(actions_for(team))
    observations, rewards, terminations, truncations, infos = team.step(actions_for(team))
    assert infos["runner_0"] == {"left": True}
    assert (terminations["runner_0"], truncations["runner_0"], rewards["runner_0"]) == (True, False, 0.0)
    assert observations["runner_0"].tolist() == [1.0]
    assert team.agents == ["thrower_0", "runner_1"]
    team.step(actions_for(team))
    # The node is gone; the other agent keeps its name.
    observations, _ = team.reset()
    assert list(observations) == team.agents == ["thrower_0", "runner_1"]
    assert team.possible_agents == ["runner_0", "thrower_0", "runner_1"]


def test_agent_that_takes_no_part_in_an_episode_comes_back(team: GodotParallelEnv) -> None:
    observations, infos = team.reset(seed=1, options={"absent": ["Runner"]})
    assert list(observations) == list(infos) == team.agents == ["thrower_0", "runner_1"]
    assert list(team.step(actions_for(team))[0]) == ["thrower_0", "runner_1"]
    own_seed = infos["runner_1"]["own_seed"]
    _, infos = team.reset(seed=1)
    assert set(team.agents) == set(team.possible_agents)
    assert infos["runner_1"]["own_seed"] == own_seed


def test_max_episode_steps_truncates_those_that_are_left(make: MakeEnv) -> None:
    env = make("team", max_episode_steps=2)
    for _ in range(2):
        env.reset(seed=1, options={"terminate": {"Runner": 2}})
        *_, truncations, _ = env.step(actions_for(env))
        assert not any(truncations.values())
        _, _, terminations, truncations, _ = env.step(actions_for(env))
        assert terminations == {"runner_0": True, "thrower_0": False, "runner_1": False}
        assert truncations == {"runner_0": False, "thrower_0": True, "runner_1": True}
        assert env.agents == []


def test_returned_arrays_are_writable_and_nothing_changes_them_later(team: GodotParallelEnv) -> None:
    first, _ = team.reset(seed=1)
    second, *_ = team.step(actions_for(team))
    first["runner_0"][:] = 77
    third, *_ = team.step(actions_for(team))
    assert [seen["runner_0"].item() for seen in (first, second, third)] == [77, 1, 2]


# -- How the game is started -------------------------------------------------------------------------------------------


def test_checks_can_be_switched_off_for_speed(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT", "get_observation=[0.5, nan]")
    env = make("answering", checks=False, mask_in_observation=False)
    env.reset(seed=1)
    (name,) = env.agents
    observation = env.step({name: 99})[0][name]
    assert observation[0] == 0.5
    assert np.isnan(observation[1])


def test_option_physics_fps_sets_the_games_own(make: MakeEnv) -> None:
    env = make("walker", physics_fps=120, step_length=4)
    env.reset(seed=1)
    assert env.metadata["render_fps"] == 30.0


def test_without_scene_the_main_scene_runs(scenes: Path) -> None:
    env = godot_marl.parallel_env(scenes)
    assert env.possible_agents == ["walker_0"]
    env.close()


def test_disabled_bridge_beside_an_enabled_one_does_not_matter(make: MakeEnv) -> None:
    assert make("one_bridge_of_two").possible_agents == ["walker_0"]


def test_half_an_agent_beside_a_whole_one_is_a_warning(make: MakeEnv, caplog: pytest.LogCaptureFixture) -> None:
    assert make("half_and_whole").possible_agents == ["walker_0"]
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "/root/Arena/Half: This node has 3 of the 5 methods of an agent; it lacks get_reward, is_done. "
        "Add what is missing, or rename the others if it is not an agent."
    ]


@pytest.mark.parametrize("as_text", [False, True])
def test_option_command_starts_the_game(engine: Engine, scenes: Path, as_text: bool) -> None:
    command = [str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(scenes), "--scene", "names.tscn"]
    env = godot_marl.parallel_env(command=shlex.join(command) if as_text else command)
    assert len(env.reset(seed=1)[0]) == 9
    env.close()


def test_pickled_environment_starts_a_game_of_its_own(make: MakeEnv) -> None:
    env = make("walker", max_episode_steps=9)
    unstarted = pickle.loads(pickle.dumps(env))  # noqa: S301 - made just now
    env.reset(seed=3)
    env.step({"walker_0": 2})
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301 - made just now
    # What the handshake said came with it, so nothing needs to start for this.
    assert copy.possible_agents == ["walker_0"]
    assert copy.agents == []
    with pytest.raises(errors.ResetNeededError):
        copy.step({"walker_0": 2})
    for other in (unstarted, copy):
        assert other.reset(seed=3)[0]["walker_0"].item() == 0
    assert env.step({"walker_0": 2})[0]["walker_0"].item() == 2
    unstarted.close()
    copy.close()
    assert env.step({"walker_0": 2})[0]["walker_0"].item() == 3


def test_two_environments_have_two_games(make: MakeEnv) -> None:
    one, two = make("walker"), make("walker")
    one.reset(seed=1)
    two.reset(seed=1)
    one.step({"walker_0": 2})
    assert one.step({"walker_0": 2})[0]["walker_0"].item() == 2
    assert two.step({"walker_0": 0})[0]["walker_0"].item() == -1


# -- Games that a person starts ----------------------------------------------------------------------------------------


def test_game_started_by_hand_plays_and_ends_with_the_environment(
    by_hand: ByHand, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    game = by_hand("by_hand", port=port)
    env = godot_marl.parallel_env(port=port, start_timeout=30)
    assert env.reset(seed=1)[0] == {"walker_0": np.zeros(1)}
    observations = [env.step({"walker_0": 2})[0]["walker_0"].item() for _ in range(5)]
    assert observations == [1, 2, 3, 4, 5]
    assert env.reset()[0]["walker_0"].item() == 0
    env.close()
    output, _ = game.communicate(timeout=5)
    assert game.returncode == 0, output
    waiting = f"waiting for a game on ws://127.0.0.1:{port}: start it now, for example with Play"
    assert waiting in [record.getMessage() for record in caplog.records]


def test_game_without_a_listener_ends_and_names_the_address(by_hand: ByHand) -> None:
    port = free_port()
    game = by_hand("by_hand", port=port)
    output, _ = game.communicate(timeout=20)
    assert game.returncode == 1
    assert output.splitlines()[-1] == (
        f"godot-marl: no Python server answered at ws://127.0.0.1:{port} within 1.5 seconds. Start Python first, or "
        "switch the bridge's property enabled off to play the scene without Python."
    )


@pytest.mark.parametrize("scene", ["no_bridge", "disabled_bridge"])
def test_scene_without_enabled_bridge_plays_as_a_normal_game(by_hand: ByHand, scene: str) -> None:
    game = by_hand(scene, "--quit-after", "30")
    output, _ = game.communicate(timeout=20)
    assert game.returncode == 0
    assert "godot-marl" not in output
    assert "ERROR" not in output


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script as the exported game")
def test_exported_game_gets_no_argument_that_a_release_build_refuses(
    engine: Engine, scenes: Path, tmp_path: Path
) -> None:
    game = tmp_path / "game.x86_64"
    game.write_text(
        '#!/bin/sh\ncase "$*" in *--path*|*--scene*|*--main-pack*) exit 1;; esac\n'
        f'exec {shlex.quote(str(engine.path))} --path {shlex.quote(str(scenes))} "$@"\n'
    )
    game.chmod(0o755)
    env = godot_marl.parallel_env(game)
    assert env.reset(seed=1)[0]["walker_0"].item() == 0
    env.close()


@pytest.fixture(scope="module")
def pack(engine: Engine, tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """The test scenes as a .pck file."""
    project = tmp_path_factory.mktemp("pack") / "scenes"
    shutil.copytree(scenes, project, ignore=shutil.ignore_patterns("broken"))
    return export(engine, project, project.parent / "game.pck")


def test_pack_runs_its_main_scene_or_another(pack: Path) -> None:
    for scene, agent in ((None, "walker_0"), ("res://team.tscn", "runner_0")):
        env = godot_marl.parallel_env(pack, scene=scene)
        assert env.reset(seed=1)[0][agent].item() == 0
        env.close()


def test_scene_that_a_pack_does_not_have(pack: Path) -> None:
    env = godot_marl.parallel_env(pack, scene="res://nowhere.tscn")
    with pytest.raises(errors.GameExitedError) as raised:
        env.reset(seed=1)
    assert (raised.value.exit_status, raised.value.where) == (1, str(pack))
    assert "Cannot open file 'res://nowhere.tscn'" in str(raised.value)
