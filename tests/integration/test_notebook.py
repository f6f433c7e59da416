"""Environments in a notebook: cells that fail, are interrupted, and kernels that end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from processes import MARK, becomes_true, leaves_nothing, marked, new_mark, signal_all

pytestmark = pytest.mark.godot

START = """
import godot_marl
env = godot_marl.parallel_env({project!r}, scene="walker.tscn")
env.reset(seed=1)
print(sorted(env.step({{"walker_0": 1}})[0]))
"""
STEPPING = "print('stepping', flush=True)\nwhile True: env.step({'walker_0': 1}) if env.agents else env.reset()"


class Notebook:
    """A kernel with a game."""

    def __init__(self, project: Path, mark: str) -> None:
        self.mark = mark
        self.manager = KernelManager()
        self.manager.start_kernel()
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(60)
        assert self.run(START.format(project=str(project))) == "['walker_0']\n"
        assert set(marked(mark)) >= {"game", "supervisor"}

    def run(self, code: str, after_print: Callable[[], None] = lambda: None) -> str:
        """Run a cell, and return what it prints, or the name of its exception; `after_print` is called in between."""
        printed: list[str] = []

        def listen(message: dict[str, Any]) -> None:
            if message["msg_type"] == "stream":
                printed.append(message["content"]["text"])
                after_print()

        reply = self.client.execute_interactive(code, output_hook=listen, timeout=60)["content"]
        return str(reply["ename"]) if reply["status"] == "error" else "".join(printed)

    def interrupt_in_a_step(self) -> None:
        """Interrupt the kernel while it waits for its game, which is stopped: between steps the game would go on."""
        signal_all(marked(self.mark)["game"], signal.SIGSTOP)
        kernel = psutil.Process(self.manager.provisioner.pid)
        assert becomes_true(lambda: kernel.status() == psutil.STATUS_SLEEPING)
        self.manager.interrupt_kernel()

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture
def notebook(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    notebook = Notebook(scenes, mark)
    yield notebook
    notebook.close()


def test_a_cell_that_fails_or_is_interrupted_leaves_an_environment_that_can_be_reset(notebook: Notebook) -> None:
    assert notebook.run("env.step({})") == "InvalidActionError"
    assert notebook.run("print(sorted(env.step({'walker_0': 1})[0]))") == "['walker_0']\n"
    assert notebook.run(STEPPING, after_print=notebook.interrupt_in_a_step) == "KeyboardInterrupt"
    assert becomes_true(lambda: "game" not in marked(notebook.mark))
    assert notebook.run("env.reset(seed=1); print(sorted(env.step({'walker_0': 1})[0]))") == "['walker_0']\n"


@pytest.mark.parametrize("now", [False, True], ids=["ended", "killed"])
def test_a_kernel_that_ends_ends_its_game(notebook: Notebook, now: bool) -> None:
    # As at a restart of the kernel in the middle of a training.
    notebook.client.execute(STEPPING if now else "")
    notebook.manager.shutdown_kernel(now=now)
    assert leaves_nothing(notebook.mark)
