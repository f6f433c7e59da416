"""Many arenas of a scene as one Gymnasium VectorEnv."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from godot_marl.options import RENDER_MODES, Game, Options
from godot_marl.vector.batch import Batch
from godot_marl.vector.batch_layout import Array, map_batch, row_of
from godot_marl.vector.step_batch import BatchStep, RowInfos

_OWN_OPTIONS = ("copies", "processes", "layout", "pin", "copy", "restart_workers")


class GodotVectorEnv(VectorEnv[Any, Any, Any]):
    """The arenas of several Godot processes, with a row for each agent.

    A row is one agent of one arena of one process, in the order process, arena, agent; all share one policy. The
    processes start with the object. An arena whose agents have all ended begins its next episode within the same step
    (`AutoresetMode.SAME_STEP`; in the next step, `NEXT_STEP`, if the scene's bridge has `settle_frames`): the returned
    observations are then the first ones of that episode.

    Besides the keys of `get_info`, the infos have these, each with its mask `_NAME`:

    - `final_obs`: the last observation of each row whose episode ended in the step (an object array), and `final_info`.
    - `left`: True for a row whose agent's node left the scene; its last observation is then that of the previous step.
    - `active`: False for a row whose agent took no part in the step, because it has ended while its arena goes on, or
      has not joined yet. Its reward is 0, its flags are False, its observation is zeros, and its action is ignored.
    - `seed`: the seed of the episode that began.
    - `worker_restarted`: True for the rows of a worker that was lost in the step, in `final_info` too; see below.
    - `action_mask`, int8, for agents that have one; after a reset it is that of the new episode.

    With `restart_workers=True` a process that ends, hangs for longer than `step_timeout`, or breaks the protocol is
    replaced, in a step as in a reset. Its episodes are truncated in that step, with reward 0 and each row's last
    observation as `final_obs`. The next episodes begin as usual, with the next seeds. The rows of other processes, and
    their seeds, do not change. An error of the scene (a failing script, a wrong observation) is raised as without this
    option, since a new process would repeat it. A process that fails repeatedly is replaced after growing delays;
    after three in a row that did not last for 10 steps, and for 100 steps of all its arenas together, a
    `WorkerRestartError` is raised. A process that lasts longer is replaced at once up to 30 times, then at most every
    6 seconds.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        copies: Arenas in each process. A single one is the scene as it is; more are new instances of the scene, each in
            its own world.
        processes: Number of Godot processes.
        layout: "separate", or "shared": the arenas stand side by side in one world, which is many times faster for
            scenes with bodies. They are then not exactly alike (floats far from the origin are less precise), and may
            touch if one leaves the area that the scene's `get_arena_size()` claims.
        pin: Keep each process that has several arenas on one CPU, the least busy one (on Linux). Small worlds with
            bodies then run several times as fast; use False for a scene whose physics fills many CPUs.
        restart_workers: Replace a process that dies or hangs; False raises the fault, and `reset` starts all of them.
        copy: Return new arrays at each step; False reuses them, as Gymnasium's own environments do.
        options: See `godot_marl.options.Options`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
        SceneError: The scene's agents take turns, or do not share one policy and its spaces.
        GodotMarlError: The game could not be started; the type says why.
    """

    def __init__(
        self,
        game: Game = None,
        *,
        copies: int = 1,
        processes: int = 1,
        layout: str = "separate",
        pin: bool = True,
        copy: bool = True,
        restart_workers: bool = False,
        **options: Any,
    ) -> None:
        # For `close`, if the batch cannot be made.
        self._batch: Batch | None = None
        self._batch = batch = Batch(
            game,
            Options.from_kwargs(options, _OWN_OPTIONS),
            copies=copies,
            processes=processes,
            layout=layout,
            pin=pin,
            restart_workers=restart_workers,
        )
        self._copy = copy
        self._buffer: Any = None
        try:
            self._describe(game, batch)
        except BaseException:
            # Also for Ctrl-C.
            batch.close()
            raise

    def _describe(self, game: Game, batch: Batch) -> None:
        self.num_envs = batch.rows
        self.single_observation_space = batch.observation_space
        self.single_action_space = batch.action_space
        self.observation_space = batch_space(batch.observation_space, batch.rows)
        self.action_space = batch_space(batch.action_space, batch.rows)
        self.render_mode = batch.options.render_mode
        mode = AutoresetMode.SAME_STEP if batch.resets_in_same_step else AutoresetMode.NEXT_STEP
        self.metadata = {
            "name": Path(os.fspath(game)).stem if game is not None else "godot",
            "autoreset_mode": mode,
            "render_modes": list(RENDER_MODES),
            "render_fps": batch.scene.physics_fps / batch.scene.step_length,
        }

    @property
    def batch(self) -> Batch:
        """The rows behind this interface."""
        assert self._batch is not None
        return self._batch

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode in every arena.

        Args:
            seed: Arena i gets `seed` + i, and plays as a single environment does after `reset(seed=seed + i)`; or one
                seed for each arena.
            options: Passed to the scene's `set_options`, at this reset and at the automatic ones that follow.

        Raises:
            InvalidOptionError: A seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        batch_step = self.batch.reset(seed, options)
        return self._observations(batch_step), self._infos(batch_step)

    def step(self, actions: Any) -> tuple[Any, Array, Array, Array, dict[str, Any]]:
        """Step all rows.

        Args:
            actions: A batch of `action_space`, with a row for each agent.

        Returns:
            Observations, rewards (float64), terminations, truncations (bool), and infos; arrays with a row for each
            agent.

        Raises:
            InvalidActionError: An action is outside its space, or the batch has the wrong shape.
            InvalidObservationError: The scene returned a value outside its space.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: Any) -> None:
        """Begin a step: Godot simulates while Python does other work. `step_wait` finishes it."""
        self.batch.send(actions)

    def step_wait(self) -> tuple[Any, Array, Array, Array, dict[str, Any]]:
        """Wait for the step that `step_async` began; see `step`.

        Raises:
            StepOrderError: There was no `step_async`.
        """
        batch_step = self.batch.receive()
        return (
            self._observations(batch_step),
            batch_step.rewards,
            batch_step.terminations,
            batch_step.truncations,
            self._infos(batch_step),
        )

    def _observations(self, batch_step: BatchStep) -> Any:
        if self._copy:
            return batch_step.observations
        if self._buffer is None:
            self._buffer = batch_step.observations
        elif self._buffer is not batch_step.observations:
            map_batch(np.copyto, self._buffer, batch_step.observations)
        return self._buffer

    def _infos(self, batch_step: BatchStep) -> dict[str, Any]:
        rows = self.num_envs
        infos: dict[str, Any] = {}
        self._add_rows(infos, batch_step.infos)
        infos["active"], infos["_active"] = batch_step.active, np.ones(rows, bool)
        began = batch_step.seeds >= 0
        if began.any():
            infos["seed"], infos["_seed"] = batch_step.seeds, began
        if batch_step.action_masks is not None:
            infos["action_mask"], infos["_action_mask"] = batch_step.action_masks, np.ones(rows, bool)
        if len(batch_step.final_rows):
            final = np.full(rows, None, object)
            for i, row in enumerate(batch_step.final_rows.tolist()):
                final[row] = row_of(batch_step.final_observations, i)
            ended = batch_step.terminations | batch_step.truncations
            infos["final_obs"], infos["_final_obs"] = final, ended
            final_infos: dict[str, Any] = {}
            self._add_rows(final_infos, batch_step.final_infos)
            infos["final_info"], infos["_final_info"] = final_infos, ended.copy()
        if len(batch_step.restarted):
            restarted = np.zeros(rows, bool)
            restarted[batch_step.restarted] = True
            for target in (infos, infos.get("final_info", {})):
                target["worker_restarted"], target["_worker_restarted"] = restarted.copy(), restarted.copy()
        return infos

    def _add_rows(self, infos: dict[str, Any], rows: RowInfos) -> None:
        for row, info in rows:
            infos.update(self._add_info(infos, info, row))

    def render(self) -> tuple[Array, ...] | None:
        """Render each arena: uint8 of shape (height, width, 3); None unless render_mode is "rgb_array".

        With `render_path` the images are also saved there, in a folder for each arena: 0/0.png, 1/0.png, ...
        """
        return tuple(self.batch.render()) if self.render_mode == "rgb_array" else None

    def close_extras(self, **_: Any) -> None:
        """End the processes; `close` calls it once."""
        if self._batch is not None:
            self._batch.close()


def vector_env(game: Game = None, **options: Any) -> GodotVectorEnv:
    """Make a Gymnasium VectorEnv of a Godot scene: see `GodotVectorEnv`."""
    return GodotVectorEnv(game, **options)
