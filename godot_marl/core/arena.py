"""One arena of a running game: what PettingZoo's two interfaces and Gymnasium's have in common."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding

from godot_marl import errors
from godot_marl.actions import UsualActions, check_action
from godot_marl.calls import check_seed, closed_error, reset_needed_error
from godot_marl.codec import Reply
from godot_marl.endings import EXIT_PATIENCE
from godot_marl.frames import FrameSaver
from godot_marl.observations import check_state
from godot_marl.options import Game, Options
from godot_marl.outcomes import Books, Outcome
from godot_marl.protocol import SceneDescription
from godot_marl.turn import Turn
from godot_marl.worker import Worker

logger = logging.getLogger(__name__)


class Arena:
    """One arena: starts the game lazily, decodes its replies, keeps the books of an episode.

    Pickling carries options and handshake, never the game; the copy starts its own at first use.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        options: The environment's options.
        number: Which of several arenas it is that need the cores together, each with its game; None if it is alone.

    Attributes:
        live: The agents whose episode goes on, in the order of the slots.
    """

    def __init__(self, game: Game, options: Options, *, number: int | None = None) -> None:
        self._game = game
        self._number = number
        self.options = options
        self.live: list[str] = []
        self._worker: Worker | None = None
        self._scene: SceneDescription | None = None
        self._was_reset = False
        self._is_closed = False
        self._turn = Turn()
        self._reply: Reply | None = None
        self._books: Books | None = None
        self._rng, _ = seeding.np_random(options.seed)
        self._frames = FrameSaver(options.render_path)

    # -- What the scene is ---------------------------------------------------------------------------------------------

    def start(self) -> SceneDescription:
        """Start the game if it does not run, and return what the handshake said.

        Raises:
            ClosedEnvironmentError: The environment was closed.
            GodotMarlError: The game could not be started; the type tells why.
        """
        self._check_open()
        self._leave_inherited_worker()
        if self._worker is None:
            with self._turn:
                self._start()
        assert self._scene is not None
        return self._scene

    def _start(self) -> None:
        # Where `close` finds it, whatever happens.
        self._worker = worker = Worker(self._game, self.options, number=self._number)
        try:
            # `end` may be called meanwhile: it saw the worker, or is seen here.
            self._check_open()
            scene = worker.start()
            self._take_scene(scene)
            self._books = Books(scene, worker.layout, self.options)
        except BaseException:
            self._end_game()
            raise

    @property
    def is_unknown(self) -> bool:
        """True until a handshake has told what the scene is."""
        return self._scene is None

    @property
    def scene(self) -> SceneDescription:
        """What the handshake said; starts the game if there was none yet."""
        return self._scene if self._scene is not None else self.start()

    def _take_scene(self, scene: SceneDescription) -> None:
        self._scene = scene
        self._slots = {agent.name: slot for slot, agent in enumerate(scene.agents)}
        self._usual_actions = UsualActions({agent.name: agent.action_space for agent in scene.agents})
        self._observation_spaces = {
            agent.name: spaces.Dict(
                observation=agent.observation_space,
                action_mask=spaces.Box(0, 1, (agent.action_mask,), np.int8),
            )
            if agent.action_mask and self.options.mask_in_observation
            else agent.observation_space
            for agent in scene.agents
        }

    @property
    def names(self) -> list[str]:
        """The names of all agents that can ever be there, in the order of the slots."""
        if self._scene is None:
            self.start()
        return list(self._slots)

    @property
    def policies(self) -> dict[str, str]:
        """Which policy each agent shares, by agent name."""
        return {agent.name: agent.policy for agent in self.scene.agents}

    @property
    def render_fps(self) -> float:
        """Steps in a second of the game."""
        return self.scene.physics_fps / self.scene.step_length

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's observations; the same object at each call."""
        self._check_agent(agent)
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's actions; the same object at each call."""
        scene = self._check_agent(agent)
        return scene.agents[self._slots[agent]].action_space

    @property
    def state_space(self) -> spaces.Space[Any]:
        """The space of `state`. Raises AttributeError for a scene without one, as PettingZoo expects."""
        space = self.scene.state_space
        if space is None:
            raise AttributeError("the scene has no state space: its root node has no get_state()")
        return space

    def state(self) -> Any:
        """The state of the whole arena at the last reset or step.

        Raises:
            ResetNeededError: There was no reset yet.
            SceneError: The scene's root has no get_state().
            InvalidObservationError: The state holds NaN, or an integer that its space does not have.
        """
        self.check_reset("state")
        if self.scene.state_space is None:
            raise errors.SceneError(
                "The scene has no state.",
                where="the root node of the arena",
                expected="the methods get_state() and get_state_space()",
                got="neither",
                remedy="Add them to the script of the scene's root node.",
            )
        assert self._worker is not None
        assert self._reply is not None
        state = self._worker.layout.state(self._reply, 0)
        if self.options.checks:
            check_state(self.scene.state_space, state)
        return state

    # -- Episodes ------------------------------------------------------------------------------------------------------

    def reset(self, seed: int | None, options: Mapping[str, Any] | None) -> Outcome:
        """Begin an episode. The infos hold the `seed` that the scene got.

        Raises:
            InvalidOptionError: The seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        check_seed(seed)
        if seed is not None:
            self._rng, _ = seeding.np_random(int(seed))
        scene = self.start()
        episode_seed = int(seed) if seed is not None else int(self._rng.integers(2**31))
        if options and not scene.takes_options:
            logger.debug("nothing in the scene has set_options; these options reach nobody: %s", options)
        with self._turn:
            worker, books = self._at_work("reset")
            try:
                self._reply = worker.reset({0: (episode_seed, options or {})})
                self._was_reset = True
                self.live = []
                outcome = books.begin(self._reply)
            except BaseException as error:
                self._end_after(error)
                raise
        self.live = books.live
        for info in outcome.infos.values():
            info["seed"] = episode_seed
        return outcome

    def step(self, actions: Mapping[str, Any]) -> Outcome:
        """Let these agents act, and wait for what it brings.

        Raises:
            InvalidActionError: An action is outside its space.
            InvalidObservationError: The scene answered something that is not in its space.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        if self.options.checks:
            self._check_actions(actions)
        with self._turn:
            worker, books = self._at_work("step")
            try:
                self._reply = worker.step([{self._slots[name]: action for name, action in actions.items()}])
                outcome = books.go_on(self._reply)
            except BaseException as error:
                self._end_after(error)
                raise
        self.live = books.live
        return outcome

    def begin_step(self, actions: Mapping[str, Any]) -> None:
        """The first half of `step`, which does not wait. Until `finish_step` no other thread may use the arena."""
        if self.options.checks:
            self._check_actions(actions)
        with self._turn:
            worker, _ = self._at_work("step")
            try:
                worker.begin_step([{self._slots[name]: action for name, action in actions.items()}])
            except BaseException as error:
                self._end_after(error)
                raise

    def finish_step(self) -> Outcome:
        """The second half of `step`, which waits. An answer that is there already is never too late."""
        with self._turn:
            worker, books = self._at_work("step")
            try:
                self._reply = worker.finish()
                outcome = books.go_on(self._reply)
            except BaseException as error:
                self._end_after(error)
                raise
        self.live = books.live
        return outcome

    def _check_actions(self, actions: Mapping[str, Any]) -> None:
        for name in self._usual_actions.others(actions):
            check_action(name, self.action_space(name), actions[name])

    # -- Pictures and the end ------------------------------------------------------------------------------------------

    def render(self) -> np.ndarray[Any, Any] | None:
        """The current frame.

        Returns:
            Uint8 of shape (height, width, 3) for render_mode "rgb_array"; None for "human", which shows itself, and
            (with a warning) for None. With `render_path` the frame is saved there, too.

        Raises:
            ResetNeededError: There was no reset yet.
        """
        self.check_reset("render")
        mode = self.options.render_mode
        if mode is None:
            gymnasium.logger.warn(
                "render() was called, but the environment was made without a render_mode: make it with "
                "render_mode='rgb_array', which needs no display, or render_mode='human'"
            )
            return None
        if mode == "human" and not self._frames.is_wanted:
            return None
        with self._turn:
            worker, _ = self._at_work("render")
            try:
                frame = worker.render()
            except BaseException as error:
                self._end_after(error)
                raise
        self._frames.save(frame)
        return frame if mode == "rgb_array" else None

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self._is_closed = True
        self._end_game(EXIT_PATIENCE)

    def end(self) -> None:
        """See to it that the game ends now and no other begins, without waiting, from any thread; then `close`."""
        self._is_closed = True
        worker = self._worker
        if worker is not None:
            worker.end()

    def _forget_worker(self) -> None:
        self._worker = None
        self._was_reset = False
        self.live = []

    def _leave_inherited_worker(self) -> None:
        """A forked child starts a game of its own: two processes cannot talk over one socket."""
        if self._worker is not None and self._worker.is_inherited:
            self._forget_worker()

    def _at_work(self, method: str) -> tuple[Worker, Books]:
        worker, books = self._worker, self._books
        if worker is None or books is None:
            # Another thread may have closed the environment, or lost the game, since that was checked.
            self._check_open()
            raise reset_needed_error(method)
        return worker, books

    def _end_after(self, error: BaseException) -> None:
        """End the game after a fault.

        Raises:
            ClosedEnvironmentError: Another thread closed the environment meanwhile, which is what the fault comes from.
        """
        self._end_game()
        if self._is_closed and isinstance(error, Exception):
            raise closed_error(self._game) from error

    def _end_game(self, patience: float = 0.0) -> None:
        """End the game, also after a fault: whoever goes on begins with a reset, and so with a new game."""
        worker = self._worker
        try:
            if worker is not None:
                worker.close(patience)
        finally:
            # Once more, for a second Ctrl-C; the game is forgotten only after that.
            if worker is not None:
                worker.end()
            self._forget_worker()

    def __del__(self) -> None:
        """End the game with the object, for those who forget to close."""
        # At Python's own end its supervisor does that, and threads can no longer be waited for.
        if getattr(self, "_worker", None) is not None and not sys.is_finalizing():
            self._end_game()

    def __getstate__(self) -> dict[str, Any]:
        """Carry options and handshake, never the game."""
        return {
            **self.__dict__,
            "_worker": None,
            "_reply": None,
            "_was_reset": False,
            "_books": None,
            "live": [],
        }

    # -- Checks --------------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            raise closed_error(self._game)

    def check_reset(self, method: str) -> None:
        """Check that there is an episode.

        Raises:
            ClosedEnvironmentError: The environment was closed.
            ResetNeededError: There was no reset, or the game failed since.
        """
        self._check_open()
        self._leave_inherited_worker()
        if not self._was_reset:
            raise reset_needed_error(method)

    def _check_agent(self, agent: str) -> SceneDescription:
        scene = self.scene
        if agent not in self._slots:
            raise errors.InvalidOptionError(
                "There is no agent of this name.",
                where="agent",
                expected=f"one of {', '.join(self._slots)}",
                got=repr(agent),
                remedy="Use a name of possible_agents.",
            )
        return scene
