"""What an author is offered while typing: of the addon the public classes only, as Godot's language server says."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from by_hand import free_port
from processes import becomes_true

from godot_marl.assets.install import install_addon
from godot_marl.engine import Engine
from godot_marl.game.project import Project

pytestmark = pytest.mark.godot

PUBLIC = {"MarlBridge", "MarlSpace"}
PROJECT = 'config_version=5\n\n[application]\n\nconfig/name="Typing"\nconfig/features=PackedStringArray("4.5")\n'
SCRIPT = "class_name OwnClass\nextends Node\n\n\nfunc _ready() -> void:\n\tMarl\n"
# Where the author has typed the four letters.
CURSOR = {"line": 5, "character": 5}
# Seconds until the editor listens, and until it answers.
START, ANSWER = 60.0, 30.0


class LanguageClient:
    """Speaks the Language Server Protocol with an editor on the loopback interface."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER)
        self._stream = self._socket.makefile("rb")
        self._requests = 0

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def request(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and return its result; notifications in between are skipped."""
        self._requests += 1
        self._send({"id": self._requests, "method": method, "params": params})
        while "method" in (message := self._receive()) or message["id"] != self._requests:
            pass
        return message["result"]

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def _receive(self) -> dict[str, Any]:
        size = 0
        while header := self._stream.readline().strip():
            name, value = header.split(b":", 1)
            if name.lower() == b"content-length":
                size = int(value)
        assert size, "the editor has closed the connection"
        message: dict[str, Any] = json.loads(self._stream.read(size))
        return message


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Path:
    """A project with the addon and a half-typed script."""
    folder = tmp_path / "game"
    folder.mkdir()
    (folder / "project.godot").write_text(PROJECT)
    (folder / "typing.gd").write_text(SCRIPT)
    install_addon(folder)
    Project(folder).imported(engine)
    return folder


@pytest.fixture
def editor(engine: Engine, project: Path, tmp_path: Path) -> Iterator[LanguageClient]:
    """A client of the real editor's language server."""
    port = free_port()
    command = [engine.path, "--headless", "--editor", "--lsp-port", str(port), "--path", project]
    with (tmp_path / "editor.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            assert becomes_true(lambda: listens(port), START), (tmp_path / "editor.log").read_text()
            client = LanguageClient(port)
            try:
                yield client
            finally:
                client.close()
        finally:
            process.kill()
            process.wait()


def completions(editor: LanguageClient, script: Path, cursor: dict[str, int]) -> set[str]:
    uri = script.as_uri()
    editor.request("initialize", {"processId": None, "rootUri": script.parent.as_uri(), "capabilities": {}})
    editor.notify("initialized", {})
    document = {"uri": uri, "languageId": "gdscript", "version": 1, "text": script.read_text()}
    editor.notify("textDocument/didOpen", {"textDocument": document})
    items = editor.request("textDocument/completion", {"textDocument": {"uri": uri}, "position": cursor})
    return {item["label"] for item in items}


def test_completions_offer_the_public_classes_only(editor: LanguageClient, project: Path) -> None:
    offered = completions(editor, project / "typing.gd", CURSOR)
    # The list is the whole scope of the script: the engine's classes and the project's own as well.
    assert {"Node2D", "OwnClass"} <= offered
    assert {name for name in offered if "marl" in name.lower()} == PUBLIC
