"""Images of the real engine, in every form of an environment."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import RecordVideo
from gymnasium.wrappers.vector import RecordVideo as RecordVectorVideo
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

import godot_marl
from godot_marl import errors, sb3
from godot_marl.assets.install import prepare_example
from godot_marl.engine import Engine
from godot_marl.parallel import GodotParallelEnv

pytestmark = pytest.mark.godot

MakeEnv = Callable[..., GodotParallelEnv]
SIZE = (96, 64)
PICTURES: dict[str, Any] = {"render_mode": "rgb_array", "render_size": SIZE}


def frames_alone(make: MakeEnv) -> list[np.ndarray[Any, Any]]:
    """What a lamp looks like after each of its actions."""
    env = make("lamp", **PICTURES)
    env.reset(seed=1)
    frames = []
    for action in range(3):
        env.step(dict.fromkeys(env.agents, action))
        frame = env.render()
        assert frame is not None
        assert (frame.shape, frame.dtype) == ((64, 96, 3), np.uint8)
        frames.append(frame)
    assert all(np.mean(frames[i] != frames[i - 1]) > 0.01 for i in range(3))
    return frames


def saved(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    return {path.relative_to(folder).as_posix(): np.asarray(Image.open(path)) for path in sorted(folder.rglob("*.png"))}


def frames_of(video: Path, width: int = SIZE[0]) -> np.ndarray[Any, Any]:
    command = [get_ffmpeg_exe(), "-loglevel", "error", "-i", video, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    pixels = subprocess.run(command, capture_output=True, timeout=30, check=True).stdout
    return np.frombuffer(pixels, np.uint8).reshape(-1, SIZE[1], width, 3)


# -- One agent, and several --------------------------------------------------------------------------------------------


def test_gymnasium_and_aec_show_and_save_what_the_parallel_form_does(
    make: MakeEnv, scenes: Path, tmp_path: Path
) -> None:
    alone = frames_alone(make)
    env = gymnasium.make(
        "godot_marl/Godot-v0", game=scenes, scene="lamp.tscn", render_path=tmp_path / "new" / "one", **PICTURES
    )
    aec = godot_marl.env(scenes, scene="lamp.tscn", render_path=tmp_path / "new" / "aec", **PICTURES)
    env.reset(seed=1)
    aec.reset(seed=1)
    for action in range(3):
        env.step(action)
        aec.step(action)
        assert np.array_equal(env.render(), alone[action])
        assert np.array_equal(aec.render(), alone[action])
    env.close()
    aec.close()
    for form in ("one", "aec"):
        files = saved(tmp_path / "new" / form)
        assert list(files) == ["0.png", "1.png", "2.png"]
        assert all(np.array_equal(file, frame) for file, frame in zip(files.values(), alone, strict=True))


def test_without_a_render_mode_render_says_how_to_get_a_picture(make: MakeEnv) -> None:
    env = make("lamp")
    env.reset(seed=1)
    with pytest.warns(UserWarning, match="without a render_mode"):
        assert env.render() is None


def test_a_game_that_was_started_without_a_display_says_how_to_get_a_picture(engine: Engine, scenes: Path) -> None:
    command = [engine.path, "--headless", "--fixed-fps", "60", "--path", str(scenes), "lamp.tscn"]
    env = godot_marl.parallel_env(command=command, render_mode="rgb_array")
    env.reset(seed=1)
    with pytest.raises(errors.GodotMarlError, match="A headless game has no picture") as caught:
        env.render()
    env.close()
    assert caught.value.expected == "a game started with a display"
    assert caught.value.remedy


def test_a_window_needs_a_display_and_the_error_says_what_does_not(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(errors.MissingDependencyError, match="no display") as caught:
        make("lamp", render_mode="human").reset()
    assert caught.value.remedy == "Use render_mode='rgb_array', which needs none."


@pytest.mark.usefixtures("display")
def test_a_window_shows_itself_and_its_frames_can_be_saved(make: MakeEnv, tmp_path: Path) -> None:
    env = make("lamp", render_mode="human", render_size=SIZE, render_path=tmp_path)
    env.reset(seed=1)
    for action in range(2):
        env.step(dict.fromkeys(env.agents, action))
        assert env.render() is None
    first, second = saved(tmp_path).values()
    assert np.mean(first != second) > 0.01


def test_gymnasium_records_a_video(scenes: Path, tmp_path: Path) -> None:
    env = gymnasium.make("godot_marl/Godot-v0", game=scenes, scene="lamp.tscn", max_episode_steps=6, **PICTURES)
    recorded = RecordVideo(env, str(tmp_path / "videos"), disable_logger=True)
    recorded.reset(seed=1)
    for action in (0, 1, 2, 0, 1, 2):
        recorded.step(action)
    recorded.close()
    (video,) = (tmp_path / "videos").glob("*.mp4")
    assert env.metadata["render_fps"] == 60
    frames = frames_of(video)
    # One after the reset and one after each step; the encoder's clock may round the last one away.
    assert len(frames) in (6, 7)
    assert np.mean(np.abs(frames[1].astype(int) - frames[2])) > 5


# -- Many arenas -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("camera", ["", "camera"])
@pytest.mark.parametrize(
    "arenas", [{"copies": 3}, {"copies": 3, "layout": "shared"}, {"copies": 1, "processes": 3}], ids=str
)
def test_each_arena_of_a_vector_has_its_own_picture(
    make: MakeEnv, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arenas: dict[str, Any], camera: str
) -> None:
    monkeypatch.setenv("LAMP", camera)
    alone = frames_alone(make)
    env = godot_marl.vector_env(scenes, scene="lamp.tscn", render_path=tmp_path, **PICTURES, **arenas)
    env.reset(seed=1)
    for order in ([0, 1, 2], [2, 2, 1]):
        env.step(np.array(order))
        frames = env.render()
        assert frames is not None
        assert [[np.array_equal(frame, one) for one in alone].index(True) for frame in frames] == order
    env.close()
    assert list(saved(tmp_path)) == [f"{arena}/{number}.png" for arena in range(3) for number in range(2)]


def test_gymnasium_records_a_video_of_a_vector(scenes: Path, tmp_path: Path) -> None:
    env = godot_marl.vector_env(scenes, scene="lamp.tscn", copies=2, **PICTURES)
    # Gymnasium warns that the last frame of an episode will be missing where arenas are reset at once.
    with pytest.warns(UserWarning, match="same-step"):
        recorded = RecordVectorVideo(env, str(tmp_path / "videos"), video_length=3, disable_logger=True)
    recorded.reset(seed=1)
    for action in (0, 1, 2, 0):
        recorded.step(np.array([action, 2]))
    recorded.close()
    (video,) = (tmp_path / "videos").glob("*.mp4")
    assert len(frames_of(video, 2 * SIZE[0])) in (3, 4)


def test_one_row_of_stable_baselines3_saves_the_picture_of_its_arena_alone(scenes: Path, tmp_path: Path) -> None:
    env = sb3.vec_env(scenes, scene="lamp.tscn", copies=2, render_path=tmp_path, **PICTURES)
    env.reset()
    assert env.env_method("render", indices=1)[0].shape == (64, 96, 3)
    env.close()
    assert list(saved(tmp_path)) == ["1/0.png"]


def test_carts_side_by_side_are_seen_by_their_own_cameras() -> None:
    seen: dict[str, list[np.ndarray[Any, Any]]] = {}
    for codec in ("separate", "shared"):
        env = godot_marl.vector_env(prepare_example("cartpole"), copies=2, layout=codec, **PICTURES)
        env.reset(seed=1)
        for _ in range(7):
            env.step(np.array([0, 1]))
        frames = env.render()
        assert frames is not None
        seen[codec] = [frame.astype(int) for frame in frames]
        env.close()
    # Numbers are coarser further out: they are alike, not equal. Both poles lean to their own side.
    for i in range(2):
        right, wrong = (np.abs(seen["shared"][i] - seen["separate"][j]).mean() for j in (i, 1 - i))
        assert right < wrong / 2
