"""Games under their supervisor, with ordinary programs in place of Godot."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import becomes_true

from godot_marl.errors import GameError, MissingDependencyError
from godot_marl.game import supervisor
from godot_marl.game.process import GameProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SLEEP = shutil.which("sleep") or "sleep"


def is_running(pid: int) -> bool:
    """False for a zombie too: it is gone but for its exit status."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def supervisor_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/stat").read_text()
    return int(status.rpartition(")")[2].split()[1])


Starter = Callable[..., GameProcess]


@pytest.fixture
def start() -> Iterator[Starter]:
    games: list[GameProcess] = []

    def start_one(*command: str, **options: object) -> GameProcess:
        games.append(GameProcess(command, **options))  # type: ignore[arg-type]
        return games[-1]

    yield start_one
    for game in games:
        game.close(0.0)


def pid_of(game: GameProcess) -> int:
    assert game.pid is not None
    return game.pid


# -- Its beginning -----------------------------------------------------------------------------------------------------


def test_a_game_runs_in_its_folder_with_its_environment(start: Starter, tmp_path: Path) -> None:
    game = start("sh", "-c", 'pwd; echo "$GREETING $HOME"', folder=tmp_path, environment={"GREETING": "hello"})
    assert game.wait(10)
    assert game.output().splitlines() == [str(tmp_path), f"hello {os.environ.get('HOME', '')}"]


def test_no_shell_sees_the_command(start: Starter) -> None:
    game = start("printf", "%s|", "a b", "$HOME", "; exit 3", "größer")
    assert game.wait(10)
    assert game.output() == "a b|$HOME|; exit 3|größer|"
    assert game.exit_status == 0


def test_the_game_has_no_input(start: Starter) -> None:
    game = start("cat")
    assert game.wait(10)
    assert game.exit_status == 0


def test_a_program_that_does_not_exist_is_a_game_error_that_names_it() -> None:
    with pytest.raises(GameError) as error:
        GameProcess(["no-such-program-here", "--headless"])
    assert error.value.where == "no-such-program-here --headless"
    assert "no-such-program-here" in str(error.value.got)


def test_a_file_that_is_no_program_is_a_game_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no program")
    with pytest.raises(GameError) as error:
        GameProcess([str(tmp_path / "notes.txt")])
    assert "PermissionError" in str(error.value.got)


def test_a_folder_that_does_not_exist_is_a_game_error(tmp_path: Path) -> None:
    with pytest.raises(GameError):
        GameProcess(["true"], folder=tmp_path / "nowhere")


def test_without_a_virtual_display_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # A PATH without Xvfb. The supervisor is found without it.
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingDependencyError) as error:
        GameProcess([SLEEP, "1000"], display=(64, 48))
    assert "xvfb" in str(error.value.remedy)


# -- Its end -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -11 $$", -11)])
def test_the_exit_status_is_known_once_it_is_over(start: Starter, script: str, status: int) -> None:
    game = start("sh", "-c", script)
    assert game.wait(10)
    assert game.is_over
    assert game.exit_status == status


def test_waiting_for_a_game_that_goes_on_ends_in_time(start: Starter) -> None:
    game = start(SLEEP, "1000")
    begin = time.monotonic()
    assert not game.wait(0.1)
    assert time.monotonic() - begin < 2.0
    assert not game.is_over
    assert game.exit_status is None


def test_output_is_the_last_lines_and_whole_output_the_first_bytes(start: Starter) -> None:
    game = start("sh", "-c", "for i in $(seq 1000); do echo line $i; done; echo oh no >&2")
    assert game.wait(10)
    lines = game.output().splitlines()
    assert lines[-2:] == ["line 1000", "oh no"]
    assert len(lines) == 40
    assert game.all_output().startswith("line 1\nline 2\n")
    assert game.all_output(10) == "line 1\nlin"


def test_output_of_any_bytes_is_text(start: Starter) -> None:
    game = start("printf", r"\377\376 ok")
    assert game.wait(10)
    assert game.output() == "�� ok"


def test_output_can_be_read_while_the_game_runs(start: Starter) -> None:
    game = start("sh", "-c", f"echo ready; exec {SLEEP} 1000")
    assert becomes_true(lambda: game.output() == "ready", 10)


def test_a_game_that_prints_without_end_fills_neither_disk_nor_memory(
    start: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("godot_marl.game.log._LARGEST_LOG", 4000)
    monkeypatch.setattr("godot_marl.game.log._LARGEST_READ", 1000)
    monkeypatch.setattr("godot_marl.game.log._TAIL_BYTES", 100)
    script = f"seq 1 2000; until [ -e go ]; do {SLEEP} 0.01; done; echo after; {SLEEP} 1000"
    game = start("sh", "-c", script, folder=tmp_path)
    assert becomes_true(lambda: game.output().endswith("\n2000"), 10)
    fresh = game.read_new_output()
    assert fresh.startswith("1\n2\n3\n")
    assert fresh.endswith("\n1999\n2000\n")
    assert len(fresh) == 1001
    (log,) = Path(f"/proc/{pid_of(game)}/fd/1").resolve().parent.glob("output.txt")
    assert log.stat().st_size == 100
    assert game.read_new_output() == ""
    (tmp_path / "go").touch()
    assert becomes_true(lambda: game.output().endswith("\n2000\nafter"), 10)
    assert game.read_new_output() == "after\n"


def test_close_lets_a_game_end_by_itself(start: Starter, tmp_path: Path) -> None:
    game = start("sh", "-c", f"{SLEEP} 0.2; touch done", folder=tmp_path)
    game.close(10.0)
    assert game.exit_status == 0
    assert (tmp_path / "done").exists()


def test_close_kills_a_game_that_does_not_end(start: Starter) -> None:
    game = start(SLEEP, "1000")
    game.close(0.1)
    assert game.exit_status == -signal.SIGKILL
    assert not is_running(pid_of(game))


def test_close_kills_a_game_that_is_stopped_or_ignores_signals(start: Starter) -> None:
    deaf = start("sh", "-c", f"trap '' TERM INT HUP; echo deaf; {SLEEP} 1000; {SLEEP} 1000")
    stopped = start(SLEEP, "1000")
    assert becomes_true(lambda: deaf.output() == "deaf", 10)
    os.kill(pid_of(stopped), signal.SIGSTOP)
    for game in (deaf, stopped):
        game.close(0.0)
        assert not is_running(pid_of(game))


def test_closing_twice_is_closing_once(start: Starter) -> None:
    game = start(SLEEP, "1000")
    game.close(0.0)
    begin = time.monotonic()
    game.close()
    assert time.monotonic() - begin < 1.0
    assert game.output() == ""


def test_child_processes_of_a_game_end_with_it(start: Starter) -> None:
    game = start("sh", "-c", f"{SLEEP} 1000 & echo $!; wait")
    assert becomes_true(lambda: game.output() != "", 10)
    child = int(game.output())
    game.close(0.0)
    assert becomes_true(lambda: not is_running(child), 2)


def test_what_a_game_left_behind_ends_when_the_game_does(start: Starter) -> None:
    game = start("sh", "-c", f"{SLEEP} 1000 & echo $!")
    assert game.wait(10)
    assert becomes_true(lambda: not is_running(int(game.output())), 2)


def test_what_left_the_games_session_ends_with_it_too(start: Starter) -> None:
    game = start("sh", "-c", f"setsid {SLEEP} 1000 & echo $!; wait")
    assert becomes_true(lambda: game.output() != "", 10)
    daemon = int(game.output())
    assert becomes_true(lambda: os.getsid(daemon) == daemon, 10)
    game.close(0.0)
    assert not is_running(daemon)


def test_a_place_that_cannot_be_written_is_a_game_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(GameError) as error:
        GameProcess(["true"])
    assert str(error.value.where).startswith(str(tmp_path / "file"))
    assert "TMPDIR" in str(error.value.remedy)


def test_nothing_stays_in_the_temporary_folder(start: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    start("true").close()
    with pytest.raises(GameError):
        GameProcess(["no-such-program-here"])
    assert list(tmp_path.iterdir()) == []


# -- When Python or the supervisor is killed ---------------------------------------------------------------------------

PARENT = """
import sys, time
from godot_marl.game.process import GameProcess
game = GameProcess(sys.argv[1:])
print(game.pid, flush=True)
time.sleep(1000)
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """Another Python with a game that sleeps."""
    code = textwrap.dedent(PARENT)
    with subprocess.Popen([sys.executable, "-c", code, SLEEP, "1000"], stdout=subprocess.PIPE, text=True) as python:
        yield python
        python.kill()


def game_of(parent: subprocess.Popen[str]) -> int:
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    return pid


@pytest.mark.parametrize("is_stopped", [False, True], ids=["running", "stopped"])
@pytest.mark.parametrize("kill_with", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_game_ends_within_two_seconds_of_its_python(
    parent: subprocess.Popen[str], kill_with: signal.Signals, is_stopped: bool
) -> None:
    game = game_of(parent)
    supervisor = supervisor_of(game)
    if is_stopped:
        os.kill(game, signal.SIGSTOP)
    parent.send_signal(kill_with)
    parent.wait(10)
    assert becomes_true(lambda: not is_running(game), 2)
    assert becomes_true(lambda: not is_running(supervisor), 2)


def test_a_game_ends_when_its_supervisor_is_killed(start: Starter) -> None:
    game = start(SLEEP, "1000")
    os.kill(supervisor_of(pid_of(game)), signal.SIGKILL)
    assert becomes_true(lambda: not is_running(pid_of(game)), 2)
    assert game.wait(2)
    assert game.exit_status is None
    game.close()


def test_what_left_the_games_session_ends_when_the_supervisor_is_killed(start: Starter) -> None:
    game = start("sh", "-c", f"setsid {SLEEP} 1000 & echo $!; wait")
    assert becomes_true(lambda: game.output() != "", 10)
    daemon = int(game.output())
    assert becomes_true(lambda: os.getsid(daemon) == daemon, 10)
    os.kill(supervisor_of(pid_of(game)), signal.SIGKILL)
    assert game.wait(2)
    assert becomes_true(lambda: not is_running(daemon), 2)


def test_a_lost_game_ends_without_close(start: Starter) -> None:
    game = GameProcess([SLEEP, "1000"])
    pid = pid_of(game)
    del game
    assert becomes_true(lambda: not is_running(pid), 2)


def test_ctrl_c_in_the_terminal_is_for_python_alone(start: Starter) -> None:
    game = start(SLEEP, "1000")
    groups = {os.getpgid(pid) for pid in (os.getpid(), supervisor_of(pid_of(game)), pid_of(game))}
    assert len(groups) == 3


def test_a_thread_that_ends_takes_no_game_with_it(start: Starter) -> None:
    from threading import Thread

    games: list[GameProcess] = []
    thread = Thread(target=lambda: games.append(start(SLEEP, "1000")))
    thread.start()
    thread.join()
    assert not games[0].wait(0.3)
    assert is_running(pid_of(games[0]))


NEWCOMER = """
import subprocess, sys
from godot_marl.game import _supervisor_main
gone, newcomer = subprocess.Popen(["true"]), subprocess.Popen(sys.argv[1:])
gone.wait()
look, looks = _supervisor_main._children, iter([[gone.pid]])
_supervisor_main._children = lambda: next(looks, None) or look()
_supervisor_main._end_descendants()
print(look())
"""


def test_a_supervisor_does_not_wait_for_a_child_that_came_after_it_had_looked() -> None:
    command = [sys.executable, "-c", NEWCOMER, SLEEP, "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as python:
        try:
            output, _ = python.communicate(timeout=10)
        finally:
            # The child that it waits for, too.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(python.pid, signal.SIGKILL)
    assert output == "[]\n"


def test_what_a_killed_supervisor_left_behind_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setattr(supervisor, "_END_TIMEOUT", 0.05)
    # As a process in a system call that does not return would be there for ever.
    monkeypatch.setattr(supervisor, "_processes_with", lambda _: [gone.pid])
    end = threading.Thread(target=supervisor._kill_remaining, args=([], "scratch"), daemon=True)
    end.start()
    end.join(10)
    assert not end.is_alive()
    assert caplog.messages == [f"processes that a game left behind do not end: [{gone.pid}]"]


# -- When this process may have no more --------------------------------------------------------------------------------

LIMITED = """
import os, resource, tempfile
from godot_marl.errors import GameError
from godot_marl.game.process import GameProcess
# Python tries once whether files can be written there.
tempfile.gettempdir()
# The supervisor inherits the limit, and shall have enough.
open_files = [os.open("/dev/null", os.O_RDONLY) for _ in range(60)]
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
for spare in range(30):
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files[-1] + 1 + spare, most))
    try:
        GameProcess(["true"]).close()
    except GameError as error:
        print(error.got, "|", error.remedy)
    else:
        print("ran")
        break
"""


def test_a_lack_of_open_files_is_a_game_error_that_names_the_limit() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED], capture_output=True, text=True, timeout=60, check=True
    )
    *errors, last = done.stdout.splitlines()
    assert last == "ran"
    # The log's one, the pipe's two, and those of the supervisor's start.
    assert len(errors) > 4
    assert all("Too many open files" in line and "ulimit -n" in line for line in errors)
    assert done.stderr == ""


def test_a_lack_of_threads_is_a_game_error_that_names_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(GameError) as error:
        GameProcess(["true"])
    assert error.value.got == "can't start new thread"
    assert "ulimit -u" in str(error.value.remedy)
    assert list(tmp_path.iterdir()) == []


# -- When this process forks -------------------------------------------------------------------------------------------

FORKING = """
import logging, os, signal, sys, time
from godot_marl.game.process import GameProcess
logging.basicConfig(level=logging.WARNING)
game = GameProcess(sys.argv[1:])
child = os.fork()
if child == 0:
    signal.pause()
print(game.pid, child, flush=True)
"""


@pytest.fixture
def forked(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """A Python with a game that sleeps and a forked child that does so too, and what it does then."""
    command = [sys.executable, "-c", FORKING + request.param, SLEEP, "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as python:
        assert python.stdout is not None
        game, child = map(int, python.stdout.readline().split())
        yield python, game, child
        python.kill()
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("forked", ["game.close(0.0); print(game.exit_status, flush=True)"], indirect=True, ids=[""])
def test_a_game_ends_in_an_orderly_way_though_a_forked_child_lives_on(
    forked: tuple[subprocess.Popen[str], int, int],
) -> None:
    python, _, child = forked
    assert python.stdout is not None
    assert python.stdout.readline() == "-9\n"
    os.kill(child, signal.SIGKILL)
    assert python.communicate(timeout=10)[1] == ""


@pytest.mark.parametrize("forked", ["time.sleep(1000)"], indirect=True, ids=[""])
def test_a_game_ends_with_its_python_though_a_forked_child_lives_on(
    forked: tuple[subprocess.Popen[str], int, int],
) -> None:
    python, game, child = forked
    python.kill()
    assert becomes_true(lambda: not is_running(game), 2)
    assert is_running(child)
