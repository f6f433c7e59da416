"""Finds the processes that a test has started, by a mark in their environment."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARK = "GODOT_MARL_TEST_MARK"
# How long a process may outlive Python.
LIMIT = 2.0


def new_mark() -> str:
    """The value of a mark that no process has yet."""
    return uuid.uuid4().hex


def marked(mark: str) -> dict[str, list[int]]:
    """The processes that inherited this mark, by what they are: supervisor, display, game or other.

    A zombie is no longer one of them.
    """
    found: dict[str, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().decode()
                found.setdefault(_kind_of(command), []).append(int(folder.name))
    return found


def _kind_of(command: str) -> str:
    for kind, sign in (("supervisor", "_supervisor_main.py"), ("display", "Xvfb"), ("game", "--fixed-fps")):
        if sign in command:
            return kind
    return "other"


def becomes_true(fact: Callable[[], bool], seconds: float = LIMIT) -> bool:
    """Whether a fact becomes true in time."""
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def leaves_nothing(mark: str) -> bool:
    """Whether all processes with this mark end in time."""
    return becomes_true(lambda: not marked(mark))


def end_of(process: subprocess.Popen[Any], seconds: float) -> tuple[int, str, int]:
    """Wait for a program whose output is a pipe: its exit status, its output, and its largest memory in KiB.

    A program that is still there when the time is over is killed, and has the status of that.
    """
    assert process.stdout is not None
    killer = threading.Timer(seconds, process.kill)
    killer.start()
    # What the system counts at the end begins with the memory of the parent process.
    is_over, peaks = threading.Event(), [0]
    watcher = threading.Thread(target=_watch_memory, args=(process.pid, is_over, peaks))
    watcher.start()
    try:
        output = process.stdout.read()
        status = process.wait()
    finally:
        killer.cancel()
        is_over.set()
        watcher.join()
    text = output if isinstance(output, str) else output.decode("utf-8", "replace")
    return status, text, max(peaks)


def _watch_memory(pid: int, is_over: threading.Event, peaks: list[int]) -> None:
    while not is_over.wait(0.02):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            peaks += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")]


def run_to_its_end(command: list[str], seconds: float) -> tuple[int, str, int]:
    """Run a program; see `end_of`."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        return end_of(process, seconds)


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to each; those that are gone do not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def again_and_again(call: Callable[[], object]) -> None:
    """Until it raises; what a killed game has sent before still arrives."""
    for _ in range(1000):
        call()
