"""Play the CartPole of a checkout of GymGodot through `godot_marl/server-v0`, and compare it with its tutorial.

python benchmarks/gymgodot_rows.py CHECKOUT/gym-godot [ENGINE]

ENGINE is a Godot 3, by default Debian's `godot3-server`. The exit status is 0 if all rows are the published ones.
"""

from __future__ import annotations

import sys

import click
import gymnasium
import numpy as np
from gymnasium import spaces

import godot_marl

PUBLISHED = [
    [0.0, 0.0, 0.0, 0.0],
    [-0.088484, -0.088484, 0.010983, 0.010983],
    [-0.294668, -0.206184, 0.036597, 0.025614],
    [-0.618337, -0.323669, 0.076923, 0.040325],
    [-1.059165, -0.440828, 0.132096, 0.055173],
]


def main(project: str, engine: str = "godot3-server") -> int:
    """Play five steps to the left and print each row beside the published one."""
    env = gymnasium.make(
        f"{godot_marl.__name__}/server-v0",
        exeCmd=f"cd '{project}' && {engine} ./examples/cartpole/Root.tscn",
        serverPort=0,
        action_space=spaces.Discrete(2),
        observation_space=spaces.Box(-np.inf, np.inf, (4,), np.float32),
    )
    env.reset()
    rows = [env.step(0)[0] for _ in PUBLISHED]
    env.close()
    equal = [
        bool((row == np.array(published, np.float32)).all()) for row, published in zip(rows, PUBLISHED, strict=True)
    ]
    for row, published, same in zip(rows, PUBLISHED, equal, strict=True):
        click.echo(f"{row} {'equals' if same else 'DIFFERS FROM'} {published}")
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
