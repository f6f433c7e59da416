"""A session of the protocol without a game."""

from __future__ import annotations

import json
from typing import Any

from godot_marl.protocol.messages import Configuration
from godot_marl.protocol.session import Session


def described(**more: Any) -> Session:
    """A session that knows its scene: one agent that observes ten numbers."""
    session = Session(Configuration())
    session.receive(json.dumps({"type": "hello", "protocol": 1}))
    box = {"type": "box", "shape": [10], "dtype": "float32", "low": "-inf", "high": "inf"}
    agent = {
        "name": "a",
        "path": "/root/A",
        "policy": "default",
        "observation_space": box,
        "action_space": {"type": "discrete", "n": 2, "start": 0},
        "action_mask": 0,
    } | more
    session.receive(json.dumps({"type": "scene", "step_length": 1, "physics_fps": 60, "arenas": 1, "agents": [agent]}))
    return session
