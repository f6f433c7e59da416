"""`godot_marl/server-v0` with a real Godot 3 and a project with a node that follows GymGodot's protocol."""

from __future__ import annotations

import logging
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from godot3 import GOOD_RETURN, PROJECT, MakeServer, command, godot3, trained_return
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordVideo
from processes import MARK, becomes_true, leaves_nothing, marked, new_mark, signal_all

from godot_marl import errors
from godot_marl.engine import Engine

pytestmark = pytest.mark.godot


def walk(env: gymnasium.Env[Any, Any], actions: list[Any]) -> list[Any]:
    """The observations of an episode, and the reward behind each but the first."""
    rows: list[Any] = [env.reset()[0].tolist()]
    for action in actions:
        observation, reward, _, _, _ = env.step(action)
        rows.append([*observation.tolist(), reward])
    return rows


# -- Playing -----------------------------------------------------------------------------------------------------------


def test_a_game_of_godot_3_is_played_step_by_step(server: MakeServer) -> None:
    env = server("point")
    rows = walk(env, [0, 1, 1])
    # Three frames of 2 pixels each in a step, of 150.
    assert rows == [
        [-0.5, -1, 0, 0],
        pytest.approx([-0.54, -1, 1 / 32, 0, 0.46]),
        pytest.approx([-0.5, -1, 2 / 32, 0, 0.5]),
        pytest.approx([-0.46, -1, 3 / 32, 0, 0.54]),
    ]
    observation, info = env.reset(seed=3)
    assert observation.dtype == np.float32
    assert info == {}
    assert observation.tolist() == rows[0]


def test_bodies_move_and_bounds_are_never_enforced(server: MakeServer) -> None:
    env = server("puck")
    first = walk(env, [np.array([0.5]), np.array([1.0]), np.array([-3.0])])
    assert walk(env, [np.array([0.5]), np.array([1.0]), np.array([-3.0])]) == first
    # Two impulses of 0.5 on a body of 1 kg; of what is beyond the bounds the game takes what it likes.
    assert [row[1] for row in first] == pytest.approx([0, 1, 3, 1], abs=0.02)
    assert env.observation_space.high.tolist() == [1, 1]
    assert env.observation_space.dtype == np.float64


def test_the_rows_that_gymgodot_published_come_out_exactly(server: MakeServer) -> None:
    """Its CartPole from rest, pushed to one side: what its tutorial shows after five steps of this action."""
    env = server("pole")
    for _ in range(2):
        rows = walk(env, [0] * 5)
        assert [row[:4] for row in np.round(np.array(rows[1:]), 6).tolist()] == [
            [0, 0, 0, 0],
            [-0.088484, -0.088484, 0.010983, 0.010983],
            [-0.294668, -0.206184, 0.036597, 0.025614],
            [-0.618337, -0.323669, 0.076923, 0.040325],
            [-1.059165, -0.440828, 0.132096, 0.055173],
        ]


def test_done_terminates_and_gymnasiums_limit_truncates(server: MakeServer) -> None:
    env = server("faulty", max_episode_steps=2)
    env.reset()
    assert env.step(1)[1:] == (1.0, False, False, {})
    assert env.step(2)[1:] == (2.0, False, True, {})
    env.reset()
    # GymGodot's games may be played on.
    assert [env.unwrapped.step(4)[2:4] for _ in range(4)] == [
        (False, False), (False, False), (True, False), (False, False)
    ]  # fmt: skip


def test_reset_options_are_rejected(server: MakeServer) -> None:
    with pytest.raises(errors.InvalidOptionError, match="GymGodot's games take no options"):
        server("point").reset(options={"level": 2})


def test_gymnasiums_own_checker_finds_nothing(server: MakeServer) -> None:
    env = server("puck", observation_space=spaces.Box(-10, 10, (2,), np.float64))
    check_env(env.unwrapped, skip_render_check=True)


@pytest.mark.usefixtures("one_thread")
def test_it_trains(server: MakeServer) -> None:
    assert trained_return(server("point")) > GOOD_RETURN


def test_each_copy_of_a_pickled_environment_plays_a_game_of_its_own(server: MakeServer) -> None:
    env = server("point").unwrapped
    env.reset()
    env.step(0)
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301 - our own
    try:
        with pytest.raises(errors.ResetNeededError):
            copy.step(0)
        assert copy.reset()[0][2] == 0
        assert env.step(0)[0][2] == 2 / 32
    finally:
        copy.close()


# -- Arguments of the game ---------------------------------------------------------------------------------------------


def test_the_game_gets_gymgodots_arguments(server: MakeServer, tmp_path: Path) -> None:
    env = server("faulty", env_fps=30, renderPath=f"{tmp_path}/made/by us")
    env.reset()
    process = env.unwrapped._game._process
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
    port = re.fullmatch(r"--serverPort=(\d+)", arguments[6])
    assert port is not None
    assert int(port[1]) > 0
    assert arguments[1:6] == [
        "faulty/faulty.tscn",
        "--fixed-fps",
        "30",
        "--disable-render-loop",
        "--serverIP=127.0.0.1",
    ]
    assert arguments[7:] == [f"--renderPath={tmp_path}/made/by us/"]
    # Only with a render mode.
    assert not (tmp_path / "made").exists()
    # Godot shows them to its scripts, too.
    assert f"--renderPath={tmp_path}/made/by us/" in process.output()


def test_a_port_in_use_is_an_error(server: MakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(errors.AddressInUseError):
            server("point", serverPort=str(port)).reset()


def test_a_game_that_the_user_starts_is_waited_for(server: MakeServer, caplog: pytest.LogCaptureFixture) -> None:
    env = server("point", exeCmd=None)
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(1) as pool:
        observation = pool.submit(env.reset)
        assert becomes_true(lambda: "start it now" in caplog.text, 10)
        address = re.search(r"ws://([\d.]+):(\d+)", caplog.text)
        assert address is not None
        line = [godot3(), "point/point.tscn", "--fixed-fps", "60", f"--serverPort={address[2]}"]
        with subprocess.Popen(line, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as game:
            try:
                assert observation.result(20)[0].tolist() == [-0.5, -1, 0, 0]
                assert env.step(1)[0][2] == 1 / 32
                env.close()
                assert game.wait(10) == 0
            finally:
                game.kill()


def test_an_address_that_other_machines_reach_logs_a_warning(
    server: MakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(errors.GameTimeoutError):
        server("point", exeCmd=None, serverIP="0.0.0.0", start_timeout=0.1).reset()  # noqa: S104 - what is warned of
    assert "this protocol has no token" in caplog.text


def test_a_game_with_our_bridge_is_sent_to_its_own_environment(
    server: MakeServer, scenes: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("GODOT_MARL_URL", f"ws://127.0.0.1:{port}")
    env = server(
        "point", exeCmd=[str(engine.path), "--headless", "--path", str(scenes), "walker.tscn"], serverPort=port
    )
    with pytest.raises(errors.GameExitedError) as error:
        env.reset()
    assert error.value.remedy == "This scene has a MarlBridge: use gymnasium.make('godot_marl/Godot-v0', game=...)."


def test_a_game_that_is_never_started_is_a_timeout_that_names_the_address(server: MakeServer) -> None:
    with pytest.raises(errors.GameTimeoutError, match="No game connected") as error:
        server("point", exeCmd=None, start_timeout=0.3).reset()
    assert error.value.where is not None
    assert error.value.where.startswith("ws://127.0.0.1:")


# -- Images ------------------------------------------------------------------------------------------------------------


def test_frames_are_numbered_and_returned_without_a_display(
    server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    env = server("point", window=True, render_mode="rgb_array", renderPath=tmp_path / "frames")
    env.reset()
    # The red mover begins 75 pixels left of the middle, and goes left.
    for number, column in ((0, 85), (1, 79), (2, 73)):
        frame = env.render()
        assert frame.shape == (240, 320, 3)
        assert frame.dtype == np.uint8
        assert frame[120, column].tolist() == [255, 0, 0]
        assert frame[120, column + 12].tolist() == [51, 51, 51]
        assert (tmp_path / "frames" / f"{number}.png").is_file()
        env.step(0)
    env.reset()
    # As the node counts: from 0 again.
    assert env.render()[120, 85].tolist() == [255, 0, 0]
    assert len(list((tmp_path / "frames").iterdir())) == 3


@pytest.mark.usefixtures("display")
def test_a_window_is_drawn_and_a_video_recorded(server: MakeServer, tmp_path: Path) -> None:
    env = server("point", window=True, window_render=True, render_mode="rgb_array", max_episode_steps=3)
    recorded = RecordVideo(env, str(tmp_path / "videos"), episode_trigger=lambda _: True)
    recorded.reset()
    pid = env.unwrapped._game._process.pid
    assert b"--disable-render-loop" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    while not any(recorded.step(1)[2:4]):
        pass
    recorded.close()
    assert (tmp_path / "videos" / "rl-video-episode-0.mp4").stat().st_size > 0


def test_without_render_mode_the_picture_is_only_saved(server: MakeServer, tmp_path: Path, display: str) -> None:
    env = server("point", window=True, renderPath=str(tmp_path / "a" / "b"))
    env.reset()
    assert env.render() is None
    assert (tmp_path / "a" / "b" / "0.png").is_file()
    (tmp_path / "a" / "b" / "1.png").mkdir()
    with pytest.raises(errors.GameError, match="could not save an image"):
        env.render()
    env.reset()
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "a").touch()
    with pytest.raises(errors.InvalidOptionError, match="cannot be created"):
        env.render()


def test_a_game_without_a_window_says_that_it_has_no_picture(server: MakeServer) -> None:
    env = server("point")
    env.reset()
    begin = time.monotonic()
    with pytest.raises(errors.GameError, match="could not save an image") as error:
        env.render()
    assert "flip_y" in str(error.value.got)
    # Its node never answers, which is not waited for to the end.
    assert time.monotonic() - begin < 20


# -- Faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        ("quit", errors.GameExitedError, "ended while Python was stepping"),
        ("loop", errors.GameTimeoutError, "did not reply in time"),
        ("nan", errors.InvalidObservationError, r"NaN at \[1\]"),
        ("count", errors.InvalidObservationError, r"3 values, \[0, 1, 2\]"),
        ("text", errors.InvalidObservationError, "'one'"),
        ("null", errors.ScriptError, r"Trying to assign value of type 'Nil'(.|\n)*GymGodot.gd:"),
        ("done", errors.ScriptError, r"Trying to assign value of type 'String'"),
    ],
)
def test_a_fault_of_the_game_is_one_error_and_reset_starts_it_again(
    server: MakeServer, monkeypatch: pytest.MonkeyPatch, fault: str, error: type[Exception], text: str
) -> None:
    monkeypatch.setenv("FAULT", fault)
    env = server("faulty", step_timeout=1.5 if fault == "loop" else 20)
    env.reset()
    env.step(1)
    pid = env.unwrapped._game._process.pid
    with pytest.raises(error, match=text):
        env.step(1)
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(errors.ResetNeededError):
        env.step(1)
    env.reset()
    assert env.step(7)[0].tolist() == [1, 1]


def test_a_script_error_that_does_not_stop_the_game_is_logged_once(
    server: MakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FAULT", "script")
    env = server("faulty")
    env.reset()
    for _ in range(4):
        env.step(1)
    assert re.findall(r"res://faulty/faulty.gd:\d+", caplog.text) == ["res://faulty/faulty.gd:21"]


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGKILL, errors.GameExitedError), (signal.SIGSTOP, errors.GameTimeoutError)]
)
def test_a_game_that_is_killed_or_stopped_is_an_error(
    server: MakeServer, number: signal.Signals, error: type[errors.GodotMarlError]
) -> None:
    env = server("point", step_timeout=1.0)
    env.reset()
    pid = env.unwrapped._game._process.pid
    os.kill(pid, number)
    with pytest.raises(error) as caught:
        env.step(0)
    if isinstance(caught.value, errors.GameExitedError):
        assert caught.value.exit_status == -signal.SIGKILL
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("line", "error", "text"),
    [
        ("/nothing/of/this/name", errors.GameError, "could not be started"),
        ("true", errors.GameExitedError, "exit status 0"),
        (["sh", "-c", "sleep 60"], errors.GameTimeoutError, "did not connect"),
    ],
)
def test_a_game_that_never_connects_is_an_error(
    server: MakeServer, line: str | list[str], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        server("point", exeCmd=line, start_timeout=20 if isinstance(line, str) else 1.0).reset()


def test_close_ends_the_game_and_may_be_called_twice(server: MakeServer) -> None:
    env = server("point").unwrapped
    env.reset()
    process = env._game._process
    env.close()
    env.close()
    # By itself, not by force.
    assert process.exit_status == 0
    for use in (env.reset, env.render, lambda: env.step(0)):
        with pytest.raises(errors.ClosedEnvironmentError):
            use()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_is_left_when_python_is_killed() -> None:
    program = f"""
import gymnasium, godot_marl
from gymnasium.spaces import Box, Discrete
env = gymnasium.make("godot_marl/server-v0", serverPort=0, exeCmd={command("point")!r},
                     action_space=Discrete(2), observation_space=Box(-9, 9, (4,)))
env.reset()
print("ready", flush=True)
while True:
    env.step(0)
"""
    mark = new_mark()
    environment = {**os.environ, MARK: mark, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as python:
        try:
            assert python.stdout is not None
            assert python.stdout.readline() == "ready\n"
            assert {"game", "supervisor"} <= set(marked(mark))
            python.kill()
            python.wait(10)
            assert leaves_nothing(mark)
        finally:
            signal_all([pid for pids in marked(mark).values() for pid in pids], signal.SIGKILL)
