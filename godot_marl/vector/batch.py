"""All arenas of all workers, with a row for each agent: what the vector forms have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl import errors
from godot_marl.batch_checks import check_options, check_scene
from godot_marl.calls import broken_reply_error, closed_error, reset_needed_error
from godot_marl.codec import JOINED, LEFT, NO_ORDER, OBSERVED, RESET, RESET_IF_OVER, TERMINATED, TRUNCATED, Reply
from godot_marl.frames import FrameSaver
from godot_marl.options import Game, Options
from godot_marl.pool import ResetPart, WorkerPool
from godot_marl.protocol import SceneDescription
from godot_marl.reply_rows import ReplyRows
from godot_marl.restarts import RestartingPool
from godot_marl.row_order import NO_ROWS, RowOrder
from godot_marl.rows import Array, RowPlan, join, map_batch, rows_of
from godot_marl.seeds import ArenaSeeds
from godot_marl.transitions import Transition
from godot_marl.turn import Turn, in_turn


class Batch:
    """The arenas of several workers, whose agents share one policy, stepped together.

    What a row is, `RowOrder` says. An arena that is over is reset within the step, or, in a scene whose bridge has
    `settle_frames`, in the next one.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        options: The environments' options.
        copies: Arenas in each worker.
        processes: Workers.
        layout: "separate" or "shared".
        pin: Keep each process on one processor, where there are copies and nobody watches.
        restart_workers: Replace a worker that dies or hangs, instead of raising the fault.

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
        check_options(game, options, copies, processes, layout, restart_workers=restart_workers)
        self.options = options
        self._game = game
        self._is_closed = False
        self._is_pending = False
        self._was_reset = False
        pin = pin and copies > 1 and options.render_mode is None
        kinds: dict[str, Any] = {"arenas": copies, "workers": processes, "layout": layout, "pin": pin}
        self._restarts = restart_workers
        self._pool = (
            RestartingPool(game, options, self, **kinds) if restart_workers else WorkerPool(game, options, **kinds)
        )
        self.turn = Turn()
        self.scene: SceneDescription = self._pool.start()
        try:
            check_scene(self.scene)
            self._prepare(copies, processes)
        except BaseException:
            self.close()
            raise

    def _prepare(self, copies: int, processes: int) -> None:
        options = self.options
        self._workers = processes
        self._copies = copies
        self._order = RowOrder(processes, copies, len(self.scene.agents))
        self.arenas = self._order.arenas
        self._savers = FrameSaver.of_arenas(options.render_path, self.arenas)
        self.slots = self._order.slots
        self.rows = self._order.rows
        agent = self.scene.agents[0]
        self._actions = RowPlan(agent.action_space)
        self._replies = ReplyRows(self.scene, options, copies, self.rows)
        self.action_space = agent.action_space
        self.observation_space = agent.observation_space
        if agent.action_mask and options.mask_in_observation:
            self.observation_space = spaces.Dict(
                observation=agent.observation_space, action_mask=spaces.Box(0, 1, (agent.action_mask,), np.int8)
            )
        self._alive = np.zeros(self.rows, bool)
        # What each row saw last, for those that leave or are lost.
        self._last_observations: Any = None
        self._last_masks: Array | None = None
        self._options_by_arena: Sequence[Mapping[str, Any]] = [{}] * self.arenas
        self._resetting = np.zeros(self.arenas, bool)
        self._is_resetting = False
        self._is_everybody_alive = False
        self._quiet_flags = bytes([OBSERVED]) * (copies * self.slots)
        self._usual_orders = np.full(self.arenas, RESET_IF_OVER, np.uint8)
        self._orders = self._usual_orders
        self._steps = np.zeros(self.arenas, np.int64)
        self._seeds = ArenaSeeds(self.arenas, options.seed)

    @property
    def resets_in_same_step(self) -> bool:
        """Whether an arena that is over is reset within the step; else in the next one."""
        return self.scene.settle_frames == 0

    @property
    def alive(self) -> Array:
        """Bool, shape (rows,), not to be written: whose action the next step takes."""
        return self._alive

    def describe_row(self, row: int) -> str:
        """Whose row it is."""
        arena, slot = divmod(row, self.slots)
        name = self.scene.agents[slot].name
        return f"agent {name} of arena {arena}" if self.arenas > 1 else f"agent {name}"

    # -- Episodes ------------------------------------------------------------------------------------------------------

    @in_turn
    def reset(
        self, seed: int | Sequence[int | None] | None, options: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
    ) -> Transition:
        """Begin an episode in every arena.

        Args:
            seed: Arena i gets `seed` + i; or one seed for each arena; None draws them.
            options: What reaches `set_options` of the scene, at this reset and those that follow by themselves; or the
                options of each arena.

        Raises:
            InvalidOptionError: A seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self._check_open()
        self._check_pending("reset", False)
        episode_seeds = self._seeds.take(seed)
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
        self._seeds.draw(range(self.arenas))
        flags = _joined([reply.flags for reply in replies])
        self._alive = (flags & OBSERVED).astype(bool)
        self._is_everybody_alive = bool(self._alive.all())
        self._replies.check_observations(replies)
        transition = self._replies.transition(replies)
        transition.infos = self._replies.infos(replies)
        transition.seeds = np.where(self._alive, self._order.for_rows(episode_seeds), -1)
        self._remember(transition)
        self._was_reset = True
        return transition

    def reset_part(self, worker: int) -> ResetPart:
        """The seeds and options of the next episodes of a worker's arenas."""
        first = worker * self._copies
        return {i: (int(self._seeds.next[first + i]), self._options_by_arena[first + i]) for i in range(self._copies)}

    @in_turn
    def send(self, actions: Any) -> None:
        """Let all rows act, without waiting; the actions of rows that are not alive mean nothing.

        Raises:
            InvalidActionError: An action is outside its space, or the batch has another form.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self._check_reset("step")
        self._check_pending("step", False)
        if self.options.checks:
            self._actions.check(actions, self._alive, self.describe_row)
        sections = self._actions.write(actions, self.rows)
        if not self._is_everybody_alive:
            sections = {name: np.where(self._alive[:, None], part, 0) for name, part in sections.items()}
        self._orders = self._next_orders()
        marks = self._alive.view(np.uint8)
        self._was_reset = False
        self._pool.begin_step(self._order.parts(sections, marks, self._orders, self._seeds.next))
        self._was_reset = True
        self._is_pending = True

    def _next_orders(self) -> Array:
        self._steps += 1
        limit = self.options.max_episode_steps
        is_over = limit is not None and self._steps.max() >= limit
        if not is_over and not self._is_resetting:
            return self._usual_orders
        orders = self._usual_orders.copy()
        if limit is not None:
            orders[self._steps >= limit] = RESET
        orders[self._resetting] = NO_ORDER
        return orders

    @in_turn
    def receive(self) -> Transition:
        """Wait for what the step brought.

        Raises:
            StepOrderError: There was no `send`.
            InvalidObservationError: The scene answered something that is not in its space.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self._check_open()
        self._check_pending("step_wait", True)
        self._is_pending = False
        self._was_reset = False
        replies = self._pool.finish_step()
        lost = NO_ROWS
        if self._pool.lost:
            lost = self._order.arenas_of(self._pool.lost)
            # In these no episode begins now, whatever they were asked.
            self._resetting[lost] = False
        transition = self._transition(replies, lost)
        transition.restarted = self._order.rows_of(lost)
        self._was_reset = True
        return transition

    def lost_reply(self, worker: int, following: Reply | None) -> Reply:
        """The reply of a worker that was lost in a step: its episodes are cut off where they were."""
        rows = self._order.rows_of(self._order.arenas_of([worker]))
        observations = rows_of(self._last_observations, rows)
        masks = None if self._last_masks is None else self._last_masks[rows]
        return self._replies.cut_off(observations, masks, self._alive[rows], following)

    def _remember(self, transition: Transition) -> None:
        self._last_observations = transition.observations
        if self._restarts:
            # Others may write into what they were given, and all of a lost worker's rows are told once more.
            self._last_observations = map_batch(np.copy, transition.observations)
            self._last_masks = None if transition.action_masks is None else transition.action_masks.copy()

    def _transition(self, replies: list[Reply], lost: Array) -> Transition:
        self._replies.check_observations(replies)
        transition = self._replies.transition(replies)
        transition.rewards = _joined([reply.rewards for reply in replies])
        self._replies.check_rewards(replies, transition.rewards)
        if any(reply.has_infos for reply in replies):
            transition.infos = self._replies.infos(replies)
        if self._is_quiet(replies):
            transition.active = np.ones(self.rows, bool)
            self._remember(transition)
            return transition
        flags = _joined([reply.flags for reply in replies])
        observed = (flags & OBSERVED).astype(bool)
        active, began = self._alive, self._order.for_rows(self._resetting)
        joined = observed & ~active
        if (joined & ~began & ((flags & JOINED) == 0)).any() or (active & ~observed & ((flags & LEFT) == 0)).any():
            raise broken_reply_error("the flags of the slots", str(flags.tolist())[:200])
        transition.active = active
        transition.terminations = (flags & TERMINATED).astype(bool)
        transition.truncations = (flags & TRUNCATED).astype(bool)
        over_time = self._order.for_rows(self._orders == RESET) & active
        transition.truncations |= over_time & ~transition.terminations
        ended = transition.terminations | transition.truncations
        self._alive = observed & ~ended
        left = np.flatnonzero(active & ~observed)
        if len(left):
            map_batch(
                lambda new, old: new.__setitem__(left, old[left]), transition.observations, self._last_observations
            )
        transition.final_rows = np.flatnonzero(ended)
        if len(transition.final_rows):
            transition.final_observations = rows_of(transition.observations, transition.final_rows)
        transition.infos += [(row, {"left": True}) for row in left.tolist()]
        if self._is_resetting:
            self._begin_episodes(transition, np.flatnonzero(self._resetting))
            self._resetting[:] = False
        if self.resets_in_same_step:
            if any(reply.reset for reply in replies):
                self._take_next(transition, replies)
        else:
            ended = (active | observed) & ~self._alive
            over = self._order.any_of_arena(ended) & ~self._order.any_of_arena(self._alive) | (self._orders == RESET)
            self._resetting = over & (self._orders != NO_ORDER)
            self._resetting[lost] = True
            self._alive[self._order.for_rows(self._resetting)] = False
        self._is_resetting = bool(self._resetting.any())
        self._is_everybody_alive = bool(self._alive.all())
        self._remember(transition)
        return transition

    def _is_quiet(self, replies: list[Reply]) -> bool:
        """True if everybody took part in the step, and nobody came, left, ended or was reset."""
        return (
            self._is_everybody_alive
            and self._orders is self._usual_orders
            and all(reply.flags.tobytes() == self._quiet_flags and not reply.reset for reply in replies)
        )

    def _take_next(self, transition: Transition, replies: list[Reply]) -> None:
        """Put the first observations of the next episodes where the last ones were."""
        arenas = np.array(
            [worker * self._copies + arena for worker, reply in enumerate(replies) for arena in reply.reset]
        )
        rows = self._order.rows_of(arenas)
        parts = [reply.next for reply in replies if reply.next is not None]
        self._replies.check_observations(parts)
        first = join([self._replies.read(part) for part in parts])
        if transition.action_masks is not None:
            transition.action_masks[rows] = join([self._replies.masks(part) for part in parts])
        map_batch(lambda old, new: old.__setitem__(rows, new), transition.observations, first)
        self._alive[rows] = (_joined([part.flags for part in parts]) & OBSERVED).astype(bool)
        ended = set(rows.tolist())
        transition.final_infos = [(row, info) for row, info in transition.infos if row in ended]
        transition.infos = [(row, info) for row, info in transition.infos if row not in ended]
        transition.infos += [
            (int(arena) * self.slots + slot, info)
            for arena, by_agent in zip(arenas, (infos for part in parts for infos in part.infos), strict=True)
            for slot, info in self._replies.by_slot(by_agent)
        ]
        self._begin_episodes(transition, arenas)

    def _begin_episodes(self, transition: Transition, arenas: Array) -> None:
        rows = self._order.rows_of(arenas)
        transition.begun = arenas
        transition.seeds = np.full(self.rows, -1, np.int64)
        transition.seeds[rows] = np.where(self._alive[rows], self._order.for_rows(self._seeds.next[arenas]), -1)
        self._steps[arenas] = 0
        self._seeds.draw(arenas.tolist())

    # -- Pictures and the end ------------------------------------------------------------------------------------------

    @in_turn
    def render(self, arenas: Sequence[int] | None = None) -> list[Array]:
        """A frame of each arena, or of these: uint8 of shape (height, width, 3). With `render_path` they are saved."""
        self._check_reset("render")
        self._check_pending("render", False)
        wanted = range(self.arenas) if arenas is None else arenas
        self._was_reset = False
        frames = self._pool.render(wanted)
        self._was_reset = True
        for arena, frame in zip(wanted, frames, strict=True):
            self._savers[arena].save(frame)
        return frames

    def close(self) -> None:
        """End the games. Safe to call twice."""
        self._is_closed = True
        # A game that is asked to step hears nothing of a close.
        self._pool.close(patience=0.0 if self._is_pending else None)
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
    """Blocks of shape (arenas, slots) as one array of rows, which nobody else has."""
    return blocks[0].ravel() if len(blocks) == 1 else np.concatenate([block.ravel() for block in blocks])
