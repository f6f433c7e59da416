"""All arenas of all workers, with a row for each agent: what the vector forms share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl import errors
from godot_marl.core.call_validation import closed_error, reset_needed_error
from godot_marl.core.concurrency import ExclusiveUse, exclusive
from godot_marl.core.rendering import FrameWriter
from godot_marl.options import Game, Options
from godot_marl.protocol.codec import (
    JOINED,
    LEFT,
    NO_ORDER,
    OBSERVED,
    RESET,
    RESET_IF_OVER,
    TERMINATED,
    TRUNCATED,
    Reply,
)
from godot_marl.protocol.error_codes import broken_reply_error
from godot_marl.protocol.messages import SceneDescription
from godot_marl.vector.batch_layout import Array, BatchLayout, join, map_batch, rows_of
from godot_marl.vector.reply_batch import ReplyBatcher
from godot_marl.vector.restarting_pool import RestartingPool
from godot_marl.vector.row_index import NO_ROWS, RowIndex
from godot_marl.vector.seeds import ArenaSeeds
from godot_marl.vector.step_batch import BatchStep
from godot_marl.vector.validation import validate_options, validate_scene
from godot_marl.vector.worker_pool import ResetPart, WorkerPool


class Batch:
    """Steps the arenas of several workers together; all their agents share one policy.

    `RowIndex` defines the rows. An arena whose agents have all ended is reset within the step, or in the next one if
    the scene's bridge has `settle_frames`.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        options: The environments' options.
        copies: Arenas in each worker.
        processes: Number of workers.
        layout: "separate" or "shared".
        pin: Keep each worker on one CPU, if it has copies and does not render.
        restart_workers: Replace a worker that dies or hangs instead of raising the fault.

    Raises:
        InvalidOptionError: An option has a value that cannot work.
        SceneError: The scene's agents take turns, or do not share one policy and its spaces.
        GodotMarlError: The game could not be started.
    """

    def __init__(
        self,
        game: Game,
        options: Options,
        *,
        copies: int,
        processes: int,
        layout: str,
        pin: bool = True,
        restart_workers: bool = False,
    ) -> None:
        validate_options(game, options, copies, processes, layout, restart_workers=restart_workers)
        self.options = options
        self._game = game
        self._is_closed = False
        self._is_pending = False
        self._was_reset = False
        pin = pin and copies > 1 and options.render_mode is None
        pool_options: dict[str, Any] = {"arenas": copies, "workers": processes, "layout": layout, "pin": pin}
        self._restarts = restart_workers
        self._pool = (
            RestartingPool(game, options, self, **pool_options)
            if restart_workers
            else WorkerPool(game, options, **pool_options)
        )
        self.exclusive_use = ExclusiveUse()
        self.scene: SceneDescription = self._pool.start()
        try:
            validate_scene(self.scene)
            self._prepare(copies, processes)
        except BaseException:
            self.close()
            raise

    def _prepare(self, copies: int, processes: int) -> None:
        options = self.options
        self._workers = processes
        self._copies = copies
        self._index = RowIndex(processes, copies, len(self.scene.agents))
        self.arenas = self._index.arenas
        self._writers = FrameWriter.of_arenas(options.render_path, self.arenas)
        self.slots = self._index.slots
        self.rows = self._index.rows
        agent = self.scene.agents[0]
        self._actions = BatchLayout(agent.action_space)
        self._replies = ReplyBatcher(self.scene, options, copies, self.rows)
        self.action_space = agent.action_space
        self.observation_space = agent.observation_space
        if agent.action_mask and options.mask_in_observation:
            self.observation_space = spaces.Dict(
                observation=agent.observation_space, action_mask=spaces.Box(0, 1, (agent.action_mask,), np.int8)
            )
        self._alive = np.zeros(self.rows, bool)
        # For rows whose agent leaves or whose worker is lost.
        self._last_observations: Any = None
        self._last_masks: Array | None = None
        self._options_by_arena: Sequence[Mapping[str, Any]] = [{}] * self.arenas
        self._resetting = np.zeros(self.arenas, bool)
        self._is_resetting = False
        self._are_all_alive = False
        self._quiet_flags = bytes([OBSERVED]) * (copies * self.slots)
        self._default_reset_orders = np.full(self.arenas, RESET_IF_OVER, np.uint8)
        self._reset_orders = self._default_reset_orders
        self._steps = np.zeros(self.arenas, np.int64)
        self._seeds = ArenaSeeds(self.arenas, options.seed)

    @property
    def resets_in_same_step(self) -> bool:
        """Whether an arena that ended is reset within the step; otherwise in the next one."""
        return self.scene.settle_frames == 0

    @property
    def alive(self) -> Array:
        """Bool, shape (rows,), read-only: the rows whose actions the next step uses."""
        return self._alive

    def describe_row(self, row: int) -> str:
        """Name the agent and the arena of a row, for errors."""
        arena, slot = divmod(row, self.slots)
        name = self.scene.agents[slot].name
        return f"agent {name} of arena {arena}" if self.arenas > 1 else f"agent {name}"

    # -- Episodes ------------------------------------------------------------------------------------------------------

    @exclusive
    def reset(
        self, seed: int | Sequence[int | None] | None, options: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
    ) -> BatchStep:
        """Begin an episode in every arena.

        Args:
            seed: Arena i gets `seed` + i; or one seed for each arena; None draws them.
            options: Passed to the scene's `set_options`, at this reset and at the automatic ones that follow; or the
                options of each arena.

        Raises:
            InvalidOptionError: A seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        self._check_open()
        self._check_pending("reset", False)
        episode_seeds = self._seeds.seeds_for_reset(seed)
        self._was_reset = False
        if self._pool.is_running and self._pool.is_inherited:
            self._pool.close()
        if not self._pool.is_running:
            self._pool.start()
        self._options_by_arena = (
            [options or {}] * self.arenas if options is None or isinstance(options, Mapping) else options
        )
        replies = self._pool.reset([self.reset_part(worker) for worker in range(self._workers)])
        self._steps[:] = 0
        self._resetting[:] = False
        self._is_resetting = False
        self._seeds.advance(range(self.arenas))
        flags = _joined([reply.flags for reply in replies])
        self._alive = (flags & OBSERVED).astype(bool)
        self._are_all_alive = bool(self._alive.all())
        self._replies.validate_observations(replies)
        batch_step = self._replies.batch_step(replies)
        batch_step.infos = self._replies.infos(replies)
        batch_step.seeds = np.where(self._alive, self._index.for_rows(episode_seeds), -1)
        self._remember(batch_step)
        self._was_reset = True
        return batch_step

    def reset_part(self, worker: int) -> ResetPart:
        """The seeds and options of the next episodes of a worker's arenas."""
        first = worker * self._copies
        return {i: (int(self._seeds.next[first + i]), self._options_by_arena[first + i]) for i in range(self._copies)}

    @exclusive
    def send(self, actions: Any) -> None:
        """Begin a step of all rows, without waiting; the actions of rows that are not alive are ignored.

        Raises:
            InvalidActionError: An action is outside its space, or the batch has the wrong shape.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        self._check_reset("step")
        self._check_pending("step", False)
        if self.options.checks:
            self._actions.validate(actions, self._alive, self.describe_row)
        sections = self._actions.pack(actions, self.rows)
        if not self._are_all_alive:
            sections = {name: np.where(self._alive[:, None], part, 0) for name, part in sections.items()}
        self._reset_orders = self._next_reset_orders()
        action_present = self._alive.view(np.uint8)
        self._was_reset = False
        self._pool.begin_step(self._index.parts(sections, action_present, self._reset_orders, self._seeds.next))
        self._was_reset = True
        self._is_pending = True

    def _next_reset_orders(self) -> Array:
        self._steps += 1
        limit = self.options.max_episode_steps
        is_over = limit is not None and self._steps.max() >= limit
        if not is_over and not self._is_resetting:
            return self._default_reset_orders
        reset_orders = self._default_reset_orders.copy()
        if limit is not None:
            reset_orders[self._steps >= limit] = RESET
        reset_orders[self._resetting] = NO_ORDER
        return reset_orders

    @exclusive
    def receive(self) -> BatchStep:
        """Wait for the step that `send` began.

        Raises:
            StepOrderError: There was no `send`.
            InvalidObservationError: The scene returned a value outside its space.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        self._check_open()
        self._check_pending("step_wait", True)
        self._is_pending = False
        self._was_reset = False
        replies = self._pool.finish_step()
        lost = NO_ROWS
        if self._pool.lost:
            lost = self._index.arenas_of(self._pool.lost)
            # A lost worker begins no episode in this step, whatever the request was.
            self._resetting[lost] = False
        batch_step = self._decode_step(replies, lost)
        batch_step.restarted = self._index.rows_of(lost)
        self._was_reset = True
        return batch_step

    def lost_reply(self, worker: int, following: Reply | None) -> Reply:
        """Make the reply of a worker that was lost in a step: its episodes are truncated at their last observations."""
        rows = self._index.rows_of(self._index.arenas_of([worker]))
        observations = rows_of(self._last_observations, rows)
        masks = None if self._last_masks is None else self._last_masks[rows]
        return self._replies.truncate(observations, masks, self._alive[rows], following)

    def _remember(self, batch_step: BatchStep) -> None:
        self._last_observations = batch_step.observations
        if self._restarts:
            # Copies, since the caller may write into its arrays and a lost worker's rows are returned again.
            self._last_observations = map_batch(np.copy, batch_step.observations)
            self._last_masks = None if batch_step.action_masks is None else batch_step.action_masks.copy()

    def _decode_step(self, replies: list[Reply], lost: Array) -> BatchStep:
        self._replies.validate_observations(replies)
        batch_step = self._replies.batch_step(replies)
        batch_step.rewards = _joined([reply.rewards for reply in replies])
        self._replies.validate_rewards(replies, batch_step.rewards)
        if any(reply.has_infos for reply in replies):
            batch_step.infos = self._replies.infos(replies)
        if self._is_quiet(replies):
            batch_step.active = np.ones(self.rows, bool)
            self._remember(batch_step)
            return batch_step
        flags = _joined([reply.flags for reply in replies])
        observed = (flags & OBSERVED).astype(bool)
        active, began = self._alive, self._index.for_rows(self._resetting)
        joined = observed & ~active
        if (joined & ~began & ((flags & JOINED) == 0)).any() or (active & ~observed & ((flags & LEFT) == 0)).any():
            raise broken_reply_error("the flags of the slots", str(flags.tolist())[:200])
        batch_step.active = active
        batch_step.terminations = (flags & TERMINATED).astype(bool)
        batch_step.truncations = (flags & TRUNCATED).astype(bool)
        over_time = self._index.for_rows(self._reset_orders == RESET) & active
        batch_step.truncations |= over_time & ~batch_step.terminations
        ended = batch_step.terminations | batch_step.truncations
        self._alive = observed & ~ended
        left = np.flatnonzero(active & ~observed)
        if len(left):
            map_batch(
                lambda new, old: new.__setitem__(left, old[left]), batch_step.observations, self._last_observations
            )
        batch_step.final_rows = np.flatnonzero(ended)
        if len(batch_step.final_rows):
            batch_step.final_observations = rows_of(batch_step.observations, batch_step.final_rows)
        batch_step.infos += [(row, {"left": True}) for row in left.tolist()]
        if self._is_resetting:
            self._begin_episodes(batch_step, np.flatnonzero(self._resetting))
            self._resetting[:] = False
        if self.resets_in_same_step:
            if any(reply.reset for reply in replies):
                self._apply_resets(batch_step, replies)
        else:
            ended = (active | observed) & ~self._alive
            over = self._index.any_of_arena(ended) & ~self._index.any_of_arena(self._alive) | (
                self._reset_orders == RESET
            )
            self._resetting = over & (self._reset_orders != NO_ORDER)
            self._resetting[lost] = True
            self._alive[self._index.for_rows(self._resetting)] = False
        self._is_resetting = bool(self._resetting.any())
        self._are_all_alive = bool(self._alive.all())
        self._remember(batch_step)
        return batch_step

    def _is_quiet(self, replies: list[Reply]) -> bool:
        """True if every row took part in the step, and no agent joined, left, ended or was reset."""
        return (
            self._are_all_alive
            and self._reset_orders is self._default_reset_orders
            and all(reply.flags.tobytes() == self._quiet_flags and not reply.reset for reply in replies)
        )

    def _apply_resets(self, batch_step: BatchStep, replies: list[Reply]) -> None:
        """Replace the last observations of arenas that were reset with the first ones of their next episodes."""
        arenas = np.array(
            [worker * self._copies + arena for worker, reply in enumerate(replies) for arena in reply.reset]
        )
        rows = self._index.rows_of(arenas)
        parts = [reply.next for reply in replies if reply.next is not None]
        self._replies.validate_observations(parts)
        first = join([self._replies.observations(part) for part in parts])
        if batch_step.action_masks is not None:
            batch_step.action_masks[rows] = join([self._replies.masks(part) for part in parts])
        map_batch(lambda old, new: old.__setitem__(rows, new), batch_step.observations, first)
        self._alive[rows] = (_joined([part.flags for part in parts]) & OBSERVED).astype(bool)
        ended = set(rows.tolist())
        batch_step.final_infos = [(row, info) for row, info in batch_step.infos if row in ended]
        batch_step.infos = [(row, info) for row, info in batch_step.infos if row not in ended]
        batch_step.infos += [
            (int(arena) * self.slots + slot, info)
            for arena, by_agent in zip(arenas, (infos for part in parts for infos in part.infos), strict=True)
            for slot, info in self._replies.by_slot(by_agent)
        ]
        self._begin_episodes(batch_step, arenas)

    def _begin_episodes(self, batch_step: BatchStep, arenas: Array) -> None:
        rows = self._index.rows_of(arenas)
        batch_step.begun = arenas
        batch_step.seeds = np.full(self.rows, -1, np.int64)
        batch_step.seeds[rows] = np.where(self._alive[rows], self._index.for_rows(self._seeds.next[arenas]), -1)
        self._steps[arenas] = 0
        self._seeds.advance(arenas.tolist())

    # -- Rendering and closing -----------------------------------------------------------------------------------------

    @exclusive
    def render(self, arenas: Sequence[int] | None = None) -> list[Array]:
        """Render each arena, or these: uint8 of shape (height, width, 3). With `render_path` the images are saved."""
        self._check_reset("render")
        self._check_pending("render", False)
        rendered = range(self.arenas) if arenas is None else arenas
        self._was_reset = False
        frames = self._pool.render(rendered)
        self._was_reset = True
        for arena, frame in zip(rendered, frames, strict=True):
            self._writers[arena].save(frame)
        return frames

    def close(self) -> None:
        """End the workers. Safe to call twice."""
        self._is_closed = True
        # In the middle of a step a game does not read the close message.
        self._pool.close(timeout=0.0 if self._is_pending else None)
        self._is_pending = False

    # -- Checks --------------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            raise closed_error(self._game)

    def _check_reset(self, method: str) -> None:
        self._check_open()
        if not self._was_reset or self._pool.is_inherited:
            raise reset_needed_error(method)

    def _check_pending(self, method: str, expected: bool) -> None:
        if self._is_pending != expected:
            raise errors.StepOrderError(
                f"{method}() was called out of order.",
                where=f"{method}()",
                expected="a call of step_async() first" if expected else "a call of step_wait() first",
                got="none",
            )


def _joined(blocks: Sequence[Array]) -> Array:
    """Blocks of shape (arenas, slots) as one new array of rows."""
    return blocks[0].ravel() if len(blocks) == 1 else np.concatenate([block.ravel() for block in blocks])
