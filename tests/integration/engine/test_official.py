"""A release from a web server on this machine, with the real engine in it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from release_server import ReleaseServer, zipped
from releases import install, install_from, provider

from godot_marl.engine import Engine, find_engine
from godot_marl.engine._official import DEFAULT_VERSION
from godot_marl.envs import cartpole_v0


@pytest.mark.godot
def test_an_installed_official_engine_plays_a_game(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    with ReleaseServer() as server:
        install_from(server.url, tmp_path, monkeypatch)
        # Where both the cache and all that is in it have names that are hard to quote.
        monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "Möwe's 鷗 $HOME cache"))
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        name = provider(DEFAULT_VERSION).archive
        wrapper = f'#!/bin/sh\nexec {shlex.quote(str(engine.path))} "$@"\n'
        server.site.publish(f"{DEFAULT_VERSION}-stable", {name: zipped({name.removesuffix(".zip"): wrapper})})
        installed = install(providers=[provider(DEFAULT_VERSION)])
    assert installed.version == engine.version
    assert find_engine() == installed
    env = cartpole_v0.parallel_env()
    observation = env.reset(seed=1)[0]["cart_0"]
    assert env.step({"cart_0": 1})[1] == {"cart_0": 1.0}
    env.close()
    assert observation.shape == (4,)
