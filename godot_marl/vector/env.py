"""Many arenas of a scene as one Gymnasium VectorEnv."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from godot_marl.batch import Batch
from godot_marl.options import RENDER_MODES, Game, Options
from godot_marl.rows import Array, map_batch, row_of
from godot_marl.transitions import RowInfos, Transition

_OWN_OPTIONS = ("copies", "processes", "layout", "pin", "copy", "restart_workers")


class GodotVectorEnv(VectorEnv[Any, Any, Any]):
    """The arenas of several Godots, with a row for each agent.

    A row is one agent of one arena of one process, in the order process, arena, agent; all share one policy. The games
    start with the object. An arena whose agents have all ended begins its next episode within the same step
    (`AutoresetMode.SAME_STEP`; in a scene whose bridge has `settle_frames` in the next one, `NEXT_STEP`): the
    observations returned are then the first of that episode.

    The infos have, besides what `get_info` answers, each with its mask `_NAME`:

    - `final_obs`: the last observation of each row whose episode ended in the step (an object array), and `final_info`.
    - `left`: True for a row whose agent's node is gone; its last observation is then the one of the step before.
    - `active`: False for a row whose agent took no part in the step, because it has ended and its arena goes on, or has
      not come yet. Its reward is 0, its flags are False, its observation is zeros, its action means nothing.
    - `seed`: the seed of the episode that began.
    - `worker_restarted`: True for the rows of a worker that was lost in the step, in `final_info` too; see below.
    - `action_mask`, int8, for agents that have one; of an arena that was reset it is the next episode's.

    With `restart_workers=True` a process that ends, hangs for longer than `step_timeout`, or breaks the protocol is
    replaced, in a step as in a reset. Its episodes are truncated in that step, with reward 0 and as `final_obs` what
    each row saw last. The next ones begin as after any end, with the seeds that came next. The rows of the others, and
    their seeds, are what they would be without. An error of the scene (a script that fails, a wrong observation) is
    raised as ever: it would repeat itself. A process that is lost again and again is replaced after growing waits;
    after three in a row of which none lasted for 10 steps, and for 100 of all its arenas together, there is a
    `WorkerRestartError`. One that lasts longer is replaced up to 30 times at once, then every 6 seconds at most.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        copies: Arenas in each process. One stays where the scene has it; more are new instances of the scene, each in a
            world of its own.
        processes: Godot processes.
        layout: "separate", or "shared": the arenas stand side by side in one world, which is many times faster for
            scenes with bodies. They are then not exactly alike (numbers far from the origin are coarser), and may meet
            if one leaves the room that the scene's `get_arena_size()` claims.
        pin: Keep each process that has several arenas on one processor, the quietest that there is (on Linux). Small
            worlds with bodies are then several times as fast; False suits a scene whose physics fills many processors.
        restart_workers: Replace a process that dies or hangs; False raises the fault, and `reset` starts all again.
        copy: Return new arrays at each step; False reuses them, as Gymnasium's own environments do.
        options: See `godot_marl.options.Options`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
        SceneError: The scene's agents take turns, or do not share one policy and its spaces.
        GodotMarlError: The game could not be started; the type tells why.
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
        # Until there is a batch, `close` has nothing to do.
        self._batch: Batch | None = None
        self._batch = batch = Batch(
            game,
            Options.of(options, _OWN_OPTIONS),
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
            # Ctrl-C.
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
            seed: Arena i gets `seed` + i, and plays as one alone does after `reset(seed=seed + i)`; or one seed for
                each arena.
            options: What reaches `set_options` of the scene, at this reset and those that follow by themselves.

        Raises:
            InvalidOptionError: A seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        transition = self.batch.reset(seed, options)
        return self._observations(transition), self._infos(transition)

    def step(self, actions: Any) -> tuple[Any, Array, Array, Array, dict[str, Any]]:
        """Let all rows act.

        Args:
            actions: A row for each agent, as `action_space` has them.

        Returns:
            Observations, rewards (float64), terminations, truncations (bool), and infos; arrays with a row for each
            agent.

        Raises:
            InvalidActionError: An action is outside its space, or the batch has another form.
            InvalidObservationError: The scene answered something that is not in its space.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: Any) -> None:
        """Begin a step: Godot simulates while Python does something else. `step_wait` ends it."""
        self.batch.send(actions)

    def step_wait(self) -> tuple[Any, Array, Array, Array, dict[str, Any]]:
        """Wait for the step that `step_async` began; see `step`.

        Raises:
            StepOrderError: There was no `step_async`.
        """
        transition = self.batch.receive()
        return (
            self._observations(transition),
            transition.rewards,
            transition.terminations,
            transition.truncations,
            self._infos(transition),
        )

    def _observations(self, transition: Transition) -> Any:
        if self._copy:
            return transition.observations
        if self._buffer is None:
            self._buffer = transition.observations
        elif self._buffer is not transition.observations:
            map_batch(np.copyto, self._buffer, transition.observations)
        return self._buffer

    def _infos(self, transition: Transition) -> dict[str, Any]:
        rows = self.num_envs
        infos: dict[str, Any] = {}
        self._add_rows(infos, transition.infos)
        infos["active"], infos["_active"] = transition.active, np.ones(rows, bool)
        began = transition.seeds >= 0
        if began.any():
            infos["seed"], infos["_seed"] = transition.seeds, began
        if transition.action_masks is not None:
            infos["action_mask"], infos["_action_mask"] = transition.action_masks, np.ones(rows, bool)
        if len(transition.final_rows):
            final = np.full(rows, None, object)
            for i, row in enumerate(transition.final_rows.tolist()):
                final[row] = row_of(transition.final_observations, i)
            ended = transition.terminations | transition.truncations
            infos["final_obs"], infos["_final_obs"] = final, ended
            final_infos: dict[str, Any] = {}
            self._add_rows(final_infos, transition.final_infos)
            infos["final_info"], infos["_final_info"] = final_infos, ended.copy()
        if len(transition.restarted):
            restarted = np.zeros(rows, bool)
            restarted[transition.restarted] = True
            for told in (infos, infos.get("final_info", {})):
                told["worker_restarted"], told["_worker_restarted"] = restarted.copy(), restarted.copy()
        return infos

    def _add_rows(self, infos: dict[str, Any], rows: RowInfos) -> None:
        for row, info in rows:
            infos.update(self._add_info(infos, info, row))

    def render(self) -> tuple[Array, ...] | None:
        """A frame of each arena, uint8 of shape (height, width, 3); None unless render_mode is "rgb_array".

        With `render_path` each is saved there too, in a folder for each arena: 0/0.png, 1/0.png, ...
        """
        return tuple(self.batch.render()) if self.render_mode == "rgb_array" else None

    def close_extras(self, **_: Any) -> None:
        """End the games; `close` calls it once."""
        if self._batch is not None:
            self._batch.close()


def vector_env(game: Game = None, **options: Any) -> GodotVectorEnv:
    """A scene as a Gymnasium VectorEnv: see `GodotVectorEnv`."""
    return GodotVectorEnv(game, **options)
