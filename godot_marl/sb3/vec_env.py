"""Many arenas of a scene as one VecEnv of stable-baselines3 (the extra `sb3`).

    from godot_marl import sb3

    model = PPO("MlpPolicy", sb3.vec_env("my_game", copies=16), device="cpu")

There is no Monitor, SuperSuit or process of Python in between: a row's episode statistics are in its infos.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl import errors
from godot_marl.batch import Batch
from godot_marl.options import Game, Options
from godot_marl.rows import Array, map_batch
from godot_marl.sb3_rows import MaskedRow, Row, check_scene, dead_row_error
from godot_marl.transitions import Transition
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
    """The arenas of several Godots, with a row for each agent.

    A row is one agent of one arena of one process, in the order process, arena, agent; all share one policy. The games
    start with the object. An arena whose agents have all ended begins its next episode within the same step. A row's
    info has in the step in which its agent's episode ended, besides what `get_info` answered:

    - `terminal_observation`: its true last observation.
    - `TimeLimit.truncated`: it was cut off, and not terminated.
    - `episode`: its return `r`, its length `l`, and the seconds `t` since this object was made.

    Agents with an action mask have it in the infos as `action_mask` (int8, for the next action), and answer
    `env_method("action_masks")` with it, which is where sb3-contrib's MaskablePPO looks; it is in the observations only
    with `mask_in_observation=True`.

    `dead_rows` says what to do where the agents of an arena do not end together. "error" raises an error. "pad" fills
    the rows of agents that have ended, or have not come yet: observation blank (zeros, or what is nearest to them in
    the space), reward 0, `active` False in the info, any action ignored, every action allowed by the mask. Such a row
    is done in the step of its own end, and once more in the step after which it is filled no more, so that nothing of
    one agent's episode counts for another's. Filled rows are in no `episode`, but in the rollouts, where the policy
    learns from them.

    With `restart_workers=True` a process that dies or hangs is replaced, as `godot_marl.GodotVectorEnv` tells: the
    episodes of its rows are cut off in that step (`TimeLimit.truncated`, with the last observation that there was as
    `terminal_observation`), and their infos have `worker_restarted` True. They count as an `episode` like others.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        copies: Arenas in each process.
        processes: Godot processes.
        layout: "separate" or "shared"; see `godot_marl.GodotVectorEnv`.
        dead_rows: "error" or "pad".
        pin: Keep each process that has several arenas on one processor; see `godot_marl.GodotVectorEnv`.
        restart_workers: Replace a process that dies or hangs; False raises the fault, and `reset` starts all again.
        options: See `godot_marl.options.Options`. `mask_in_observation` is False if it is not given.

    Attributes:
        batch: The rows behind this interface.
        reset_infos: For each row what `get_info` answered at the beginning of its episode, and the episode's `seed`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
        SceneError: The scene's agents take turns, or do not share one policy and its spaces, or its bridge has
            `settle_frames`.
        GodotMarlError: The game could not be started; the type tells why.
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
        given = Options.of({"mask_in_observation": False, **options}, _OWN_OPTIONS)
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
        check_scene(batch)
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
            seed: Arena i gets `seed` + i, and plays as one alone does after `reset(seed=seed + i)`; None draws it from
                NumPy's global generator.

        Returns:
            A seed for each row; those of one arena have the same.
        """
        first = super().seed(seed)[0]
        assert first is not None
        self._seeds = [first + row // self.batch.slots for row in range(self.num_envs)]
        return self._seeds

    def reset(self) -> Any:
        """Begin an episode in every arena, with the seeds of `seed` and the options of `set_options`.

        Both are used once, but the episodes that follow by themselves have the same options. A step that was begun is
        waited for and forgotten.

        Returns:
            Observations, a batch with a row for each agent.

        Raises:
            InvalidOptionError: A seed is out of range, the scene rejects an option, or rows of one arena have
                different options.
            SceneError: An agent takes no part in the episode, and `dead_rows` is "error".
            GodotMarlError: The game failed; `reset` starts it again.
        """
        if self._is_stepping:
            self._is_stepping = False
            with contextlib.suppress(errors.GodotMarlError):
                self.batch.receive()
        seeds = self._seeds[:: self.batch.slots]
        options = self._options_of_arenas()
        self._reset_seeds()
        self._reset_options()
        transition = self.batch.reset(None if all(seed is None for seed in seeds) else seeds, options)
        self._masks = transition.action_masks
        self._returns[:] = 0.0
        self._lengths[:] = 0
        self._tell_beginnings(transition, range(self.num_envs))
        for row, info in transition.infos:
            self.reset_infos[row].update(info)
        self._fill(transition)
        return transition.observations

    def _options_of_arenas(self) -> list[dict[str, Any]]:
        slots, options = self.batch.slots, self._options
        mixed = len(options) != self.num_envs or any(options[i] != options[i - i % slots] for i in range(len(options)))
        if mixed:
            raise errors.InvalidOptionError(
                "The agents of one arena can only have the same options.",
                where="set_options()",
                expected=f"{self.num_envs} dictionaries, the same for each {slots} rows of an arena",
                got=str(options)[:200],
                remedy="Give one dictionary for all rows.",
            )
        return options[::slots]

    def step_async(self, actions: Any) -> None:
        """Begin a step: Godot simulates while Python does something else. `step_wait` ends it.

        Args:
            actions: A row for each agent, shape (rows, *shape of an action).

        Raises:
            InvalidActionError: An action is outside its space, or the batch has another form.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        if isinstance(self.action_space, spaces.MultiBinary):
            # stable-baselines3 gives them as numbers with a fraction.
            actions = np.asarray(actions).astype(np.int8)
        self.batch.send(actions)
        self._is_stepping = True

    def step_wait(self) -> tuple[Any, Array, Array, Infos]:
        """Wait for the step that `step_async` began.

        Returns:
            Observations (a batch), rewards (float32, shape (rows,)), dones (bool, shape (rows,)), and infos, all new.

        Raises:
            StepOrderError: There was no `step_async`.
            InvalidObservationError: The scene answered something that is not in its space.
            SceneError: An agent ended while another of its arena goes on, and `dead_rows` is "error".
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self._is_stepping = False
        transition = self.batch.receive()
        self._masks = transition.action_masks
        dones = transition.terminations | transition.truncations
        infos: Infos
        if transition.action_masks is None:
            infos = [{} for _ in range(self.num_envs)]
        else:
            infos = [{"action_mask": mask} for mask in transition.action_masks]
        self._returns += transition.rewards
        self._lengths += transition.active
        begun = self._rows_of(transition.begun)
        if begun:
            self._tell_beginnings(transition, begun)
        for row in transition.restarted.tolist():
            infos[row]["worker_restarted"] = True
        for row, info in transition.infos:
            (self.reset_infos if row in begun else infos)[row].update(info)
        if len(transition.final_rows):
            self._tell_ends(transition, infos)
        if self._pads:
            self._tell_pads(transition, begun, dones, infos)
        self._fill(transition)
        return transition.observations, transition.rewards.astype(np.float32), dones, infos

    # -- What the infos say --------------------------------------------------------------------------------------------

    def _rows_of(self, arenas: Array) -> set[int]:
        if not len(arenas):
            return set()
        return set((arenas[:, None] * self.batch.slots + np.arange(self.batch.slots)).ravel().tolist())

    def _tell_beginnings(self, transition: Transition, rows: set[int] | range) -> None:
        seeds = transition.seeds.tolist()
        for row in rows:
            seed = seeds[row]
            self.reset_infos[row] = {"seed": seed} if seed >= 0 else {"active": False}

    def _tell_ends(self, transition: Transition, infos: Infos) -> None:
        for row, info in transition.final_infos:
            infos[row].update(info)
        seconds = round(time.time() - self._began, 6)
        rows = transition.final_rows
        cut = (transition.truncations & ~transition.terminations)[rows].tolist()
        returns, lengths = self._returns[rows].tolist(), self._lengths[rows].tolist()
        batch = transition.final_observations
        last = batch if isinstance(batch, np.ndarray) else [_row_of(batch, i) for i in range(len(rows))]
        for i, row in enumerate(rows.tolist()):
            info = infos[row]
            info["terminal_observation"] = last[i]
            info["TimeLimit.truncated"] = cut[i]
            if lengths[i]:
                info["episode"] = {"r": returns[i], "l": lengths[i], "t": seconds}
        self._returns[rows] = 0.0
        self._lengths[rows] = 0

    def _tell_pads(self, transition: Transition, begun: set[int], dones: Array, infos: Infos) -> None:
        """Say which rows were filled in the step, and end those that are filled no more."""
        alive = self.batch.alive
        for row in np.flatnonzero(~transition.active).tolist():
            infos[row]["active"] = False
            if not dones[row] and (row in begun or alive[row]):
                dones[row] = True
                infos[row]["terminal_observation"] = map_batch(np.copy, self._blank)
                infos[row]["TimeLimit.truncated"] = False

    def _fill(self, transition: Transition) -> None:
        """Fill the rows whose agents take no part in the next step.

        Raises:
            SceneError: There are some, and `dead_rows` is "error".
        """
        alive = self.batch.alive
        if alive.all():
            return
        dead = ~alive
        if not self._pads:
            raise dead_row_error(self.batch, dead)
        map_batch(lambda array, blank: array.__setitem__(dead, blank), transition.observations, self._blank)
        if transition.action_masks is not None:
            transition.action_masks[dead] = 1

    # -- What stable-baselines3 asks of each environment ---------------------------------------------------------------

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of rows; see `godot_marl.sb3_rows.Row`.

        Raises:
            AttributeError: Rows have no such attribute.
        """
        return [getattr(row, attr_name) for row in self._chosen(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of rows. Nothing of it reaches the game: use `set_options` for that."""
        for row in self._chosen(indices):
            setattr(row, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of rows; see `godot_marl.sb3_rows.Row`.

        Raises:
            AttributeError: Rows have no such method.
        """
        return [getattr(row, method_name)(*method_args, **method_kwargs) for row in self._chosen(indices)]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        """True for Monitor and VecMonitor, whose statistics the infos have: `evaluate_policy` then goes by them."""
        return [wrapper_class in (Monitor, VecMonitor)] * len(self._chosen(indices))

    def _chosen(self, indices: VecEnvIndices) -> list[Row]:
        return self._rows if indices is None else [self._rows[i] for i in self._get_indices(indices)]

    # -- Pictures and the end ------------------------------------------------------------------------------------------

    def get_images(self) -> Sequence[Array | None]:
        """A frame of each arena, uint8 of shape (height, width, 3); Nones unless render_mode is "rgb_array"."""
        return self.batch.render() if self.render_mode == "rgb_array" else [None] * self.batch.arenas

    def close(self) -> None:
        """End the games. Safe to call twice."""
        self.batch.close()

    def __del__(self) -> None:
        # There is no batch if it could not be made.
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
    """A scene as a VecEnv of stable-baselines3: see `GodotVecEnv`."""
    own: dict[str, Any] = {"layout": layout, "dead_rows": dead_rows, "pin": pin, "restart_workers": restart_workers}
    return GodotVecEnv(game, copies=copies, processes=processes, **own, **options)


def _row_of(batch: Any, row: int) -> Any:
    """One row of a batch that nobody else has, without a copy."""
    return map_batch(lambda array: array[row], batch)
