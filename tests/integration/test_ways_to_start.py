"""All ways to start a game play the same episode: a project, a pack, exported programs, and one started by hand.

Each lies in a folder whose name is hard to quote.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exporting import export, export_template

import godot_marl
from godot_marl.assets.cache import cache_dir
from godot_marl.assets.install import prepare_example
from godot_marl.engine import Engine
from godot_marl.errors import GameExitedError, GodotMarlError
from godot_marl.game.project import Project

# The first test of each fixture waits for an import, a download or an export.
pytestmark = [pytest.mark.godot, pytest.mark.timeout(300)]

STRANGE = "Spiel's mit Möwe 鷗; $HOME & (x) %41 #1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("games")


@pytest.fixture(scope="module")
def project(engine: Engine, folder: Path) -> Path:
    """CartPole in a folder of this name, imported."""
    target = folder / STRANGE
    shutil.copytree(prepare_example("cartpole"), target)
    return Project(target).imported(engine).folder


@pytest.fixture(scope="module")
def source(project: Path, folder: Path) -> Path:
    """A copy to export from: its presets would be a reason to import the project again."""
    return Path(shutil.copytree(project, folder / "source" / STRANGE))


@pytest.fixture(scope="module")
def template(engine: Engine, folder: Path) -> Path:
    return export_template(engine, folder / "template")


@pytest.fixture(scope="module")
def beside(engine: Engine, source: Path, folder: Path, template: Path) -> Path:
    """An exported program with a pack beside it."""
    target = folder / "beside" / STRANGE / "Möwe's game.x86_64"
    target.parent.mkdir(parents=True)
    export(engine, source, target, template)
    assert target.with_suffix(".pck").is_file()
    return target


@pytest.fixture(scope="module")
def inside(engine: Engine, source: Path, folder: Path, template: Path) -> Path:
    """An exported program that is one file."""
    target = folder / "inside" / STRANGE / "game"
    target.parent.mkdir(parents=True)
    export(engine, source, target, template, embed=True)
    assert list(target.parent.iterdir()) == [target]
    return target


@pytest.fixture(params=["beside", "inside"])
def exported(request: pytest.FixtureRequest) -> Path:
    program: Path = request.getfixturevalue(request.param)
    return program


def play(game: str | Path | None = None, **options: Any) -> list[tuple[Any, ...]]:
    """A whole episode of one seed with actions that are always the same."""
    env = godot_marl.parallel_env(game, **options)
    try:
        observations, _ = env.reset(seed=3)
        episode: list[tuple[Any, ...]] = [(observations["cart_0"].tolist(),)]
        while env.agents:
            action = len(episode) // 3 % 2
            observation, reward, terminated, truncated, _ = (each["cart_0"] for each in env.step({"cart_0": action}))
            episode.append((observation.tolist(), reward, terminated, truncated))
        return episode
    finally:
        env.close()


@pytest.fixture(scope="module")
def expected(project: Path) -> list[tuple[Any, ...]]:
    episode = play(project)
    assert len(episode) > 10
    assert episode[-1][2]
    return episode


# -- What Python starts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["text", "project.godot", "from here", "from home"])
def test_a_project_may_be_named_in_several_ways(
    project: Path, expected: list[Any], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.chdir(project.parent)
    monkeypatch.setenv("GODOT_MARL_CACHE", str(cache_dir()))
    monkeypatch.setenv("HOME", str(project.parent))
    games = {"text": str(project), "project.godot": project / "project.godot", "from here": project.name}
    assert play(games.get(way, f"~/{project.name}")) == expected


@pytest.mark.parametrize("as_text", [False, True], ids=["list", "text"])
def test_a_command_plays_the_same(engine: Engine, project: Path, expected: list[Any], as_text: bool) -> None:
    command = [str(engine.path), "--headless", "--fixed-fps", "60", "--path", str(project)]
    assert play(command=shlex.join(command) if as_text else command) == expected


def test_a_pack_plays_the_same(beside: Path, expected: list[Any], tmp_path: Path) -> None:
    pack = tmp_path / f"{STRANGE}.pck"
    shutil.copy(beside.with_suffix(".pck"), pack)
    assert play(pack) == expected


def test_an_exported_program_plays_the_same(exported: Path, expected: list[Any]) -> None:
    assert play(exported) == expected


def test_an_exported_program_draws_pictures(
    exported: Path, engine: Engine, display: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Debian's engine in the cache has Mesa's drivers beside it, and a script that says so; the program has none. The
    # display runs already, and keeps its own.
    for drivers in engine.path.parent.glob("root/usr/lib/*/dri"):
        monkeypatch.setenv("LIBGL_DRIVERS_PATH", str(drivers))
        monkeypatch.setenv("GBM_BACKENDS_PATH", str(drivers.with_name("gbm")))
        monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", str(engine.path.parent / "root/usr/share/glvnd/egl_vendor.d"))
    env = godot_marl.parallel_env(exported, render_mode="rgb_array", render_size=(320, 180))
    env.reset(seed=3)
    frame = env.render()
    env.close()
    assert frame is not None
    assert frame.shape == (180, 320, 3)
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 1


def test_an_exported_program_without_its_pack_says_what_it_printed(template: Path, tmp_path: Path) -> None:
    game = tmp_path / "game.x86_64"
    shutil.copy(template, game)
    env = godot_marl.parallel_env(game)
    with pytest.raises(GameExitedError) as raised:
        env.reset(seed=3)
    assert raised.value.where == str(game)
    assert "pck" in str(raised.value.got)


# -- What a person starts ----------------------------------------------------------------------------------------------


class Editor:
    """Starts the project as the editor's Play button does: a second process that knows nothing of Python."""

    def __init__(self, engine: Engine, project: Path) -> None:
        self._command = [engine.path, "--headless", "--fixed-fps", "60", "--path", project]
        self._games: list[subprocess.Popen[str]] = []

    def play(self) -> subprocess.Popen[str]:
        environment = {key: text for key, text in os.environ.items() if not key.startswith("GODOT_MARL_")}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        game = subprocess.Popen(self._command, env=environment, stdin=subprocess.DEVNULL, **pipes)
        self._games.append(game)
        return game

    def end(self) -> None:
        for game in self._games:
            game.kill()
            game.communicate()


@pytest.fixture
def editor(engine: Engine, project: Path) -> Iterator[Editor]:
    editor = Editor(engine, project)
    yield editor
    editor.end()


def test_play_button_connects_at_the_default_address_repeatedly(
    editor: Editor, expected: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        caplog.clear()
        game = editor.play()
        assert play(start_timeout=30) == expected
        output, _ = game.communicate(timeout=10)
        assert game.returncode == 0, output
        assert "waiting for a game on ws://127.0.0.1:8000: start it now, for example with Play" in caplog.messages


def test_play_button_starts_a_new_game_after_a_person_has_ended_one(editor: Editor, expected: list[Any]) -> None:
    game = editor.play()
    env = godot_marl.parallel_env(start_timeout=30)
    env.reset(seed=3)
    game.terminate()
    game.communicate(timeout=10)
    with pytest.raises(GodotMarlError):
        env.step({"cart_0": 0})
    editor.play()
    observations, _ = env.reset(seed=3)
    assert observations["cart_0"].tolist() == expected[0][0]
    env.close()


def test_a_headless_game_started_by_hand_says_how_to_get_a_picture(editor: Editor) -> None:
    editor.play()
    env = godot_marl.parallel_env(start_timeout=30, render_mode="rgb_array")
    env.reset(seed=3)
    with pytest.raises(GodotMarlError, match="A headless game has no picture") as raised:
        env.render()
    assert "Start the game without --headless" in str(raised.value.remedy)
    env.close()


# -- Where Python itself is --------------------------------------------------------------------------------------------

PLAYS = """
import sys
import godot_marl
env = godot_marl.parallel_env(sys.argv[1])
print(sys.prefix)
print(env.reset(seed=3)[0]["cart_0"].tolist())
env.close()
"""


def test_python_may_be_in_a_folder_that_is_hard_to_quote(project: Path, tmp_path: Path, expected: list[Any]) -> None:
    home = tmp_path / STRANGE
    venv.EnvBuilder(symlinks=True).create(home)
    done = subprocess.run(
        [home / "bin" / "python", "-c", PLAYS, project],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines() == [str(home), str(expected[0][0])], done.stderr


# -- Images of a game without a display --------------------------------------------------------------------------------


def test_render_without_render_mode_warns_how_to_get_a_picture(project: Path) -> None:
    env = godot_marl.parallel_env(project)
    env.reset(seed=3)
    with pytest.warns(UserWarning, match="make it with render_mode='rgb_array', which needs no display"):
        assert env.render() is None
    env.close()
