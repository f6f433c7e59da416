"""However Python ends, no process that it started outlives it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import LIMIT, MARK, again_and_again, becomes_true, leaves_nothing, marked, new_mark, signal_all

from godot_marl import errors
from godot_marl.game.process import GameProcess
from godot_marl.parallel import GodotParallelEnv

pytestmark = [pytest.mark.godot, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

MakeEnv = Callable[..., GodotParallelEnv]

ENDINGS = {
    "normal end": ("pass", 0),
    "close": ("env.close()", 0),
    "exception": ("raise ValueError('on purpose')", 1),
    "sys.exit": ("sys.exit(3)", 3),
    "os._exit": ("os._exit(4)", 4),
}
# One message after the other goes to and fro, so that a signal comes in mid-step.
STEPPING = "while True: env.step({agent: 1 for agent in env.agents}) if env.agents else env.reset()"
PROGRAM = """
import os, sys
import godot_marl
env = godot_marl.parallel_env(sys.argv[1], scene=sys.argv[2], render_mode=sys.argv[3] or None, render_size=(64, 48))
env.reset(seed=1)
if env.render_mode:
    env.render()
print("ready", flush=True)
"""


@dataclass
class Child:
    """A Python with a game, in a session of its own, as in a terminal of its own."""

    process: subprocess.Popen[str]
    mark: str

    @property
    def processes(self) -> dict[str, list[int]]:
        """What it has started, by kind."""
        found = marked(self.mark)
        found.pop("other", None)
        return found


Start = Callable[..., Child]


@pytest.fixture
def start(scenes: Path, tmp_path: Path) -> Iterator[Start]:
    children: list[Child] = []

    def start_one(then: str, *, scene: str = "walker.tscn", render_mode: str = "", **environment: str) -> Child:
        mark = new_mark()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM + then, str(scenes), scene, render_mode],
            env={**os.environ, MARK: mark, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
            | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children.append(Child(process, mark))
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return children[-1]

    yield start_one
    for child in children:
        signal_all([pid for pids in marked(child.mark).values() for pid in pids], signal.SIGKILL)
        child.process.communicate()


RENDERING = pytest.mark.parametrize("render_mode", ["", "rgb_array"])


@RENDERING
@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_left_when_python_ends_by_itself(
    start: Start, tmp_path: Path, ending: str, render_mode: str
) -> None:
    code, status = ENDINGS[ending]
    child = start("sys.stdin.readline()\n" + code, render_mode=render_mode)
    kinds = {"game", "supervisor"} | ({"display"} if render_mode else set())
    assert set(child.processes) == kinds
    output, complaints = child.process.communicate("go on\n", timeout=20)
    assert child.process.returncode == status
    assert output == ""
    assert (complaints == "") == (ending != "exception"), complaints
    assert leaves_nothing(child.mark)
    assert list(tmp_path.iterdir()) == []


@RENDERING
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_nothing_is_left_when_python_is_ended_in_mid_step(
    start: Start, tmp_path: Path, number: signal.Signals, render_mode: str
) -> None:
    child = start(STEPPING, render_mode=render_mode)
    child.process.send_signal(number)
    assert child.process.wait(20) == -number
    assert leaves_nothing(child.mark)
    assert becomes_true(lambda: list(tmp_path.iterdir()) == [])


@pytest.mark.parametrize(("scene", "fault"), [("walker.tscn", ""), ("answering.tscn", "apply_action=loop")])
def test_nothing_is_left_after_ctrl_c(start: Start, scene: str, fault: str) -> None:
    child = start(STEPPING, scene=scene, FAULT=fault)
    os.killpg(child.process.pid, signal.SIGINT)
    _, complaints = child.process.communicate(timeout=20)
    assert child.process.returncode == -signal.SIGINT
    assert complaints.rstrip().endswith("KeyboardInterrupt")
    assert leaves_nothing(child.mark)


def test_ctrl_c_that_python_survives_leaves_an_environment_that_can_be_reset(start: Start) -> None:
    going_on = f"""
try:
    print("stepping", flush=True)
    {STEPPING}
except KeyboardInterrupt:
    env.reset()
    print("again", flush=True)
    sys.stdin.readline()
"""
    child = start(going_on)
    assert child.process.stdout is not None
    assert child.process.stdout.readline() == "stepping\n"
    os.killpg(child.process.pid, signal.SIGINT)
    assert child.process.stdout.readline() == "again\n"
    assert {kind: len(pids) for kind, pids in child.processes.items()} == {"game": 1, "supervisor": 1}
    _, complaints = child.process.communicate("go on\n", timeout=20)
    assert complaints == ""
    assert leaves_nothing(child.mark)


@RENDERING
def test_stopped_game_is_ended_with_killed_python(start: Start, render_mode: str) -> None:
    child = start(STEPPING, render_mode=render_mode)
    signal_all(child.processes["game"], signal.SIGSTOP)
    child.process.kill()
    assert leaves_nothing(child.mark)


@RENDERING
def test_killed_supervisor_ends_the_game_and_python_gets_an_error(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, render_mode: str
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    env = make("walker", render_mode=render_mode or None)
    env.reset(seed=1)
    signal_all(marked(mark)["supervisor"], signal.SIGKILL)
    assert leaves_nothing(mark)
    with pytest.raises(errors.GameExitedError, match="exit status unknown"):
        env.step({"walker_0": 1})
    assert env.reset(seed=1)[0]
    env.close()
    assert leaves_nothing(mark)


@pytest.mark.parametrize(("way", "render_mode"), [("close", "rgb_array"), ("step", "")])
def test_stopped_supervisor_delays_no_call(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, way: str, render_mode: str
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    env = make("walker", render_mode=render_mode or None, step_timeout=1.0)
    env.reset(seed=1)
    found = marked(mark)
    signal_all(found["supervisor"], signal.SIGSTOP)
    begin = time.monotonic()
    if way == "close":
        env.close()
    else:
        signal_all(found["game"], signal.SIGSTOP)
        with pytest.raises(errors.GameTimeoutError):
            env.step({"walker_0": 1})
    # A second for the deadline, or for the game to end by itself, and two for all the rest.
    assert time.monotonic() - begin < 3.0 + LIMIT
    assert leaves_nothing(mark)
    if way == "step":
        assert env.reset(seed=1)[0]


def test_lost_display_ends_the_game_at_once_and_the_error_names_it(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    env = make("walker", render_mode="rgb_array", render_size=(64, 48), step_timeout=20.0)
    env.reset(seed=1)
    env.render()
    signal_all(marked(mark)["display"], signal.SIGKILL)
    with pytest.raises(errors.GameExitedError) as raised:
        again_and_again(lambda: env.step({"walker_0": 1}) if env.agents else env.reset())
    error = raised.value
    assert (
        error.what
        == "The virtual display of the game ended while Python was waiting for a reply, and the game with it."
    )
    assert re.match(r"the display :\d+ of /.*walker", str(error.where))
    assert error.got == "an Xvfb that ended: ended by the signal SIGKILL"
    assert leaves_nothing(mark)
    env.reset(seed=1)
    assert env.render() is not None


def test_game_on_a_virtual_display_ends_in_an_orderly_way(make: MakeEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    games: list[GameProcess] = []

    def start_game(*arguments: Any, **options: Any) -> GameProcess:
        games.append(GameProcess(*arguments, **options))
        return games[-1]

    monkeypatch.setattr("godot_marl.game.launch.GameProcess", start_game)
    options: dict[str, Any] = {"render_mode": "rgb_array", "render_size": (64, 48)}
    env = make("walker", **options)
    env.reset(seed=1)
    env.close()
    assert (games[0].exit_status, games[0].lost_display) == (0, None)
    monkeypatch.setenv("FAULT", "apply_action=quit")
    env = make("answering", **options)
    env.reset(seed=1)
    with pytest.raises(errors.GameExitedError, match="exit status 3"):
        again_and_again(lambda: env.step({"answering": 1}))
    assert (games[1].exit_status, games[1].lost_display) == (3, None)


def test_unreferenced_environment_ends_its_game(make: MakeEnv, scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    env = GodotParallelEnv(scenes, scene="walker.tscn")
    env.reset(seed=1)
    assert set(marked(mark)) == {"game", "supervisor"}
    del env
    assert leaves_nothing(mark)


@RENDERING
def test_close_ends_everything_at_once_and_may_be_called_twice(
    make: MakeEnv, monkeypatch: pytest.MonkeyPatch, render_mode: str
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    unstarted, env = make("walker"), make("walker", render_mode=render_mode or None)
    env.reset(seed=1)
    env.close()
    assert marked(mark) == {}
    env.close()
    unstarted.close()


def test_game_outlives_the_thread_that_started_it(make: MakeEnv) -> None:
    env = make("walker")
    thread = threading.Thread(target=env.reset, kwargs={"seed": 1})
    thread.start()
    thread.join(20)
    assert env.step({"walker_0": 2})[0]["walker_0"].item() == 1


def test_close_does_not_wait_for_a_forked_process(start: Start) -> None:
    # The fork would hold the supervisor's pipe too, whose end would come only with the fork's.
    forking = """
import time
if os.fork() == 0:
    time.sleep(60)
begin = time.monotonic()
env.close()
print(time.monotonic() - begin, flush=True)
"""
    child = start(forking)
    assert child.process.stdout is not None
    assert float(child.process.stdout.readline()) < LIMIT
    assert child.processes == {}


_FORKED = """
import os, sys
import godot_marl
env = godot_marl.parallel_env(sys.argv[1], scene="walker.tscn")
env.reset(seed=1)
child = os.fork()
if child == 0:
    try:
        env.step({env.possible_agents[0]: 0})
    except godot_marl.errors.ResetNeededError:
        env.reset(seed=1)
        env.step(dict.fromkeys(env.agents, 0))
        env.close()
        os._exit(7)
    os._exit(1)
_, status = os.waitpid(child, 0)
env.step(dict.fromkeys(env.agents, 0))
env.close()
print(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_starts_its_own_game_and_does_not_touch_the_parents(scenes: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FORKED, str(scenes)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "7"
