"""Many arenas of a scene as one VecEnv of stable-baselines3 (the extra `sb3`).

    from godot_marl import sb3

    model = PPO("MlpPolicy", sb3.vec_env("my_game", copies=16), device="cpu")

It needs no Monitor, SuperSuit or Python subprocess: the episode statistics of a row are in its infos.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl import errors
from godot_marl.options import Game, Options
from godot_marl.sb3.row_view import MaskedRow, Row, dead_row_error, validate_scene
from godot_marl.vector.batch import Batch
from godot_marl.vector.batch_layout import Array, map_batch
from godot_marl.vector.seeds import seeds_of_arenas
from godot_marl.vector.step_batch import BatchStep
from godot_marl.wrappers import blank_observation

try:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import VecEnv, VecMonitor
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices
except ImportError as error:
    raise errors.MissingDependencyError.of_extra("godot_marl.sb3", "sb3", error) from error

__all__ = ["GodotVecEnv", "vec_env"]

DEAD_ROWS = ("error", "pad")
_OWN_OPTIONS = ("copies", "processes", "layout", "pin", "dead_rows", "restart_workers")

Infos = list[dict[str, Any]]


class GodotVecEnv(VecEnv):
    """The arenas of several Godot processes, with a row for each agent.

    A row is one agent of one arena of one process, in the order process, arena, agent; all share one policy. The
    processes start with the object. An arena whose agents have all ended begins its next episode within the same step.
    In the step in which an agent's episode ends, the info of its row has, besides the keys of `get_info`:

    - `terminal_observation`: its true last observation.
    - `TimeLimit.truncated`: whether it was truncated and not terminated.
    - `episode`: its return `r`, its length `l`, and the time `t` in seconds since this object was made.

    For agents with an action mask, the infos have it as `action_mask` (int8, for the next action), and
    `env_method("action_masks")` returns it, as sb3-contrib's MaskablePPO expects; the observations contain it only with
    `mask_in_observation=True`.

    `dead_rows` says what to do if the agents of an arena do not end together. "error" raises an error. "pad" fills the
    rows of agents that have ended, or have not joined yet: a blank observation (zeros, or the nearest value in the
    space), reward 0, `active` False in the info, any action ignored, every action allowed by the mask. Such a row is
    done in the step in which its agent ends, and again in the last step in which it is filled, so that one agent's
    episode never counts for another's. Filled rows belong to no `episode`, but they are in the rollouts, and the policy
    learns from them.

    With `restart_workers=True` a process that dies or hangs is replaced, as `godot_marl.GodotVectorEnv` describes: the
    episodes of its rows are truncated in that step (`TimeLimit.truncated`, with the last known observation as
    `terminal_observation`), and their infos have `worker_restarted` True. They count as an `episode` like others.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        copies: Arenas in each process.
        processes: Number of Godot processes.
        layout: "separate" or "shared"; see `godot_marl.GodotVectorEnv`.
        dead_rows: "error" or "pad".
        pin: Keep each process that has several arenas on one CPU; see `godot_marl.GodotVectorEnv`.
        restart_workers: Replace a process that dies or hangs; False raises the fault, and `reset` starts all of them.
        options: See `godot_marl.options.Options`. `mask_in_observation` is False by default.

    Attributes:
        batch: The rows behind this interface.
        reset_infos: For each row the result of `get_info` at the beginning of its episode, and the episode's `seed`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
        SceneError: The scene's agents take turns, or do not share one policy and its spaces, or its bridge has
            `settle_frames`.
        GodotMarlError: The game could not be started; the type says why.
    """

    def __init__(
        self,
        game: Game = None,
        *,
        copies: int = 1,
        processes: int = 1,
        layout: str = "separate",
        dead_rows: str = "error",
        pin: bool = True,
        restart_workers: bool = False,
        **options: Any,
    ) -> None:
        if dead_rows not in DEAD_ROWS:
            raise errors.InvalidOptionError(
                "An option has a value that cannot work.",
                where="dead_rows",
                expected=" or ".join(map(repr, DEAD_ROWS)),
                got=repr(dead_rows),
            )
        given = Options.from_kwargs({"mask_in_observation": False, **options}, _OWN_OPTIONS)
        self.batch = batch = Batch(
            game,
            given,
            copies=copies,
            processes=processes,
            layout=layout,
            pin=pin,
            restart_workers=restart_workers,
        )
        self._pads = dead_rows == "pad"
        self._is_stepping = False
        self._masks: Array | None = None
        try:
            self._describe(batch)
        except BaseException:
            batch.close()
            raise

    def _describe(self, batch: Batch) -> None:
        validate_scene(batch)
        self._blank = blank_observation(batch.observation_space, batch.scene.agents[0].name)
        self._returns = np.zeros(batch.rows)
        self._lengths = np.zeros(batch.rows, np.int64)
        self._began = time.time()
        self._rows: list[Row] = [
            MaskedRow(batch, row, lambda: self._masks) if batch.scene.agents[0].action_mask else Row(batch, row)
            for row in range(batch.rows)
        ]
        super().__init__(batch.rows, batch.observation_space, batch.action_space)
        metadata: dict[str, Any] = self.metadata
        metadata["render_fps"] = batch.scene.physics_fps / batch.scene.step_length

    # -- Episodes ------------------------------------------------------------------------------------------------------

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed the episodes that the next `reset` begins, and those that follow them.

        Args:
            seed: Arena i gets `seed` + i, and plays as a single environment does after `reset(seed=seed + i)`; None
                draws it from NumPy's global generator.

        Returns:
            A seed for each row; the rows of one arena have the same.

        Raises:
            InvalidOptionError: A seed is out of range.
        """
        arenas, where = self.batch.arenas, "seed(seed=...)"
        if seed is not None:
            seed = seeds_of_arenas(seed, arenas, where)[0]
        first = super().seed(seed)[0]
        self._seeds = [each for each in seeds_of_arenas(first, arenas, where) for _ in range(self.batch.slots)]
        return self._seeds

    def reset(self) -> Any:
        """Begin an episode in every arena, with the seeds of `seed` and the options of `set_options`.

        Both are used once, but automatic resets use the same options again. A step that was begun is finished and
        discarded.

        Returns:
            A batch of observations, with a row for each agent.

        Raises:
            InvalidOptionError: A seed is out of range, the scene rejects an option, or rows of one arena have
                different options.
            SceneError: An agent takes no part in the episode, and `dead_rows` is "error".
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        if self._is_stepping:
            self._is_stepping = False
            with contextlib.suppress(errors.GodotMarlError):
                self.batch.receive()
        seeds = self._seeds[:: self.batch.slots]
        options = self._options_of_arenas()
        self._reset_seeds()
        self._reset_options()
        batch_step = self.batch.reset(None if all(seed is None for seed in seeds) else seeds, options)
        self._masks = batch_step.action_masks
        self._returns[:] = 0.0
        self._lengths[:] = 0
        self._add_reset_infos(batch_step, range(self.num_envs))
        for row, info in batch_step.infos:
            self.reset_infos[row].update(info)
        self._fill(batch_step)
        return batch_step.observations

    def _options_of_arenas(self) -> list[dict[str, Any]]:
        slots, options = self.batch.slots, self._options
        mixed = len(options) != self.num_envs or any(options[i] != options[i - i % slots] for i in range(len(options)))
        if mixed:
            raise errors.InvalidOptionError(
                "The agents of one arena must have the same options.",
                where="set_options()",
                expected=f"{self.num_envs} dictionaries, the same for each {slots} rows of an arena",
                got=str(options)[:200],
                remedy="Give one dictionary for all rows.",
            )
        return options[::slots]

    def step_async(self, actions: Any) -> None:
        """Begin a step: Godot simulates while Python does other work. `step_wait` finishes it.

        Args:
            actions: A batch with a row for each agent, shape (rows, *shape of an action).

        Raises:
            InvalidActionError: An action is outside its space, or the batch has the wrong shape.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        if isinstance(self.action_space, spaces.MultiBinary):
            # stable-baselines3 passes floats.
            actions = np.asarray(actions).astype(np.int8)
        self.batch.send(actions)
        self._is_stepping = True

    def step_wait(self) -> tuple[Any, Array, Array, Infos]:
        """Wait for the step that `step_async` began.

        Returns:
            Observations (a batch), rewards (float32, shape (rows,)), dones (bool, shape (rows,)), and infos; all new
            objects.

        Raises:
            StepOrderError: There was no `step_async`.
            InvalidObservationError: The scene returned a value outside its space.
            SceneError: An agent ended while another of its arena goes on, and `dead_rows` is "error".
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        self._is_stepping = False
        batch_step = self.batch.receive()
        self._masks = batch_step.action_masks
        dones = batch_step.terminations | batch_step.truncations
        infos: Infos
        if batch_step.action_masks is None:
            infos = [{} for _ in range(self.num_envs)]
        else:
            infos = [{"action_mask": mask} for mask in batch_step.action_masks]
        self._returns += batch_step.rewards
        self._lengths += batch_step.active
        begun = self._rows_of(batch_step.begun)
        if begun:
            self._add_reset_infos(batch_step, begun)
        for row in batch_step.restarted.tolist():
            infos[row]["worker_restarted"] = True
        for row, info in batch_step.infos:
            (self.reset_infos if row in begun else infos)[row].update(info)
        if len(batch_step.final_rows):
            self._add_end_infos(batch_step, infos)
        if self._pads:
            self._add_padding_infos(batch_step, begun, dones, infos)
        self._fill(batch_step)
        return batch_step.observations, batch_step.rewards.astype(np.float32), dones, infos

    # -- Infos --------------------------------------------------------------------------------------------

    def _rows_of(self, arenas: Array) -> set[int]:
        if not len(arenas):
            return set()
        return set((arenas[:, None] * self.batch.slots + np.arange(self.batch.slots)).ravel().tolist())

    def _add_reset_infos(self, batch_step: BatchStep, rows: set[int] | range) -> None:
        seeds = batch_step.seeds.tolist()
        for row in rows:
            seed = seeds[row]
            self.reset_infos[row] = {"seed": seed} if seed >= 0 else {"active": False}

    def _add_end_infos(self, batch_step: BatchStep, infos: Infos) -> None:
        for row, info in batch_step.final_infos:
            infos[row].update(info)
        seconds = round(time.time() - self._began, 6)
        rows = batch_step.final_rows
        cut = (batch_step.truncations & ~batch_step.terminations)[rows].tolist()
        returns, lengths = self._returns[rows].tolist(), self._lengths[rows].tolist()
        batch = batch_step.final_observations
        last = batch if isinstance(batch, np.ndarray) else [_row_of(batch, i) for i in range(len(rows))]
        for i, row in enumerate(rows.tolist()):
            info = infos[row]
            info["terminal_observation"] = last[i]
            info["TimeLimit.truncated"] = cut[i]
            if lengths[i]:
                info["episode"] = {"r": returns[i], "l": lengths[i], "t": seconds}
        self._returns[rows] = 0.0
        self._lengths[rows] = 0

    def _add_padding_infos(self, batch_step: BatchStep, begun: set[int], dones: Array, infos: Infos) -> None:
        """Mark the rows that were filled in the step, and end those that will not be filled again."""
        alive = self.batch.alive
        for row in np.flatnonzero(~batch_step.active).tolist():
            infos[row]["active"] = False
            if not dones[row] and (row in begun or alive[row]):
                dones[row] = True
                infos[row]["terminal_observation"] = map_batch(np.copy, self._blank)
                infos[row]["TimeLimit.truncated"] = False

    def _fill(self, batch_step: BatchStep) -> None:
        """Fill the rows whose agents take no part in the next step.

        Raises:
            SceneError: There are such rows, and `dead_rows` is "error".
        """
        alive = self.batch.alive
        if alive.all():
            return
        dead = ~alive
        if not self._pads:
            raise dead_row_error(self.batch, dead)
        map_batch(lambda array, blank: array.__setitem__(dead, blank), batch_step.observations, self._blank)
        if batch_step.action_masks is not None:
            batch_step.action_masks[dead] = 1

    # -- Access to single rows ---------------------------------------------------------------

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Get an attribute of rows; see `godot_marl.sb3.row_view.Row`.

        Raises:
            AttributeError: Rows have no such attribute.
        """
        return [getattr(row, attr_name) for row in self._selected(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of rows. It does not reach the game: use `set_options` for that."""
        for row in self._selected(indices):
            setattr(row, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of rows; see `godot_marl.sb3.row_view.Row`.

        Raises:
            AttributeError: Rows have no such method.
        """
        return [getattr(row, method_name)(*method_args, **method_kwargs) for row in self._selected(indices)]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """True for Monitor and VecMonitor: the infos have their statistics, which `evaluate_policy` then uses."""
        return [wrapper_class in (Monitor, VecMonitor)] * len(self._selected(indices))

    def _selected(self, indices: VecEnvIndices) -> list[Row]:
        return self._rows if indices is None else [self._rows[i] for i in self._get_indices(indices)]

    # -- Rendering and closing -----------------------------------------------------------------------------------------

    def get_images(self) -> Sequence[Array | None]:
        """Render each arena: uint8 of shape (height, width, 3); Nones unless render_mode is "rgb_array"."""
        return self.batch.render() if self.render_mode == "rgb_array" else [None] * self.batch.arenas

    def close(self) -> None:
        """End the processes. Safe to call twice."""
        self.batch.close()

    def __del__(self) -> None:
        # The attribute is missing if the batch could not be made.
        if "batch" in self.__dict__:
            self.batch.close()


def vec_env(
    game: Game = None,
    *,
    copies: int = 1,
    processes: int = 1,
    layout: str = "separate",
    dead_rows: str = "error",
    pin: bool = True,
    restart_workers: bool = False,
    **options: Any,
) -> GodotVecEnv:
    """Make a VecEnv of a Godot scene: see `GodotVecEnv`."""
    own: dict[str, Any] = {"layout": layout, "dead_rows": dead_rows, "pin": pin, "restart_workers": restart_workers}
    return GodotVecEnv(game, copies=copies, processes=processes, **own, **options)


def _row_of(batch: Any, row: int) -> Any:
    """One row of a batch, without a copy."""
    return map_batch(lambda array: array[row], batch)
