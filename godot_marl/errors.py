"""Everything that godot-marl raises, in one tree under `GodotMarlError`.

Each message says what is wrong, where, what was expected, what was found, and what to do about it. The parts are
attributes too, so that a program need not parse the text.
"""

from __future__ import annotations


class GodotMarlError(Exception):
    """The root of all errors of this package.

    Args:
        what: One sentence that says what is wrong.
        where: The option, file, node path, method or agent that it is about.
        expected: What would have been right.
        got: What was found instead.
        remedy: What the reader can do now.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.got = got
        self.remedy = remedy
        parts = (("where", where), ("expected", expected), ("got", got), ("what to do", remedy))
        super().__init__("\n".join([what, *(f"  {label}: {text}" for label, text in parts if text)]))

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the parts when the error crosses a process, as vector environments and Ray do."""
        return (_rebuild, (type(self), str(self), dict(self.__dict__)))


def _rebuild(cls: type[GodotMarlError], message: str, parts: dict[str, object]) -> GodotMarlError:
    error = cls(message)
    error.__dict__.update(parts)
    return error


# -- How the library is called -----------------------------------------------------------------------------------------


class InvalidOptionError(GodotMarlError, ValueError):
    """An option of an environment or a command has a value that cannot work."""


class InvalidActionError(GodotMarlError, ValueError):
    """An action is missing, belongs to no agent, or lies outside its agent's action space."""


class ResetNeededError(GodotMarlError, RuntimeError):
    """`step`, `render` or `state` was called before `reset`."""


class StepOrderError(GodotMarlError, RuntimeError):
    """`step_wait` was called without `step_async`, or something else before `step_wait`."""


class BusyEnvironmentError(GodotMarlError, RuntimeError):
    """An environment was used by a thread while another one was using it."""


class ClosedEnvironmentError(GodotMarlError, RuntimeError):
    """The environment was used after `close`."""


class CacheError(GodotMarlError, OSError):
    """The cache folder cannot be written or read, for example because the disk is full."""


class MissingDependencyError(GodotMarlError, ImportError):
    """A feature needs a Python package, or a program, that is not installed."""

    @classmethod
    def of_extra(cls, user: str, extra: str, cause: ImportError) -> MissingDependencyError:
        """The error that `user` cannot work, because an extra of this package is not installed."""
        return cls(
            f"{user} needs packages that are not installed.",
            where=f"the Python package {cause.name}",
            expected=f"the extra {extra}",
            got=str(cause),
            remedy=f"pip install godot-marl[{extra}]",
        )


# -- The engine --------------------------------------------------------------------------------------------------------


class EngineError(GodotMarlError):
    """Something is wrong with the Godot executable."""


class EngineNotFoundError(EngineError):
    """No Godot executable was found where it was looked for."""


class EngineVersionError(EngineError):
    """The Godot executable is older than this package needs, or it does not say its version."""


class EngineInstallError(EngineError):
    """Installing Godot failed; nothing half-done was left behind."""


# -- The game ----------------------------------------------------------------------------------------------------------


class GameError(GodotMarlError):
    """Something is wrong with the game that was to be started, or that was running."""


class GameNotFoundError(GameError, FileNotFoundError):
    """The project folder, the exported game, or the scene in it does not exist."""


class GameImportError(GameError):
    """Godot could not import the project."""


class NoBridgeError(GameError):
    """The scene runs, but no enabled `MarlBridge` in it connected to Python."""


class GameExitedError(GameError):
    """The game ended while Python was waiting for it.

    Attributes:
        exit_status: What the process returned; minus the signal's number if a signal ended it; None if unknown.
        output: The last lines that the game printed.
    """

    exit_status: int | None = None
    output: str = ""


class GameTimeoutError(GameError, TimeoutError):
    """The game is there, but did not answer within the deadline.

    Attributes:
        output: The last lines that the game printed.
    """

    output: str = ""


class WorkerRestartError(GameError):
    """A worker was replaced several times in a row, and its games ended again at once.

    Attributes:
        worker: Its number, from 0.
        restarts: How often it was replaced since the games were started together.
        exit_status: What its last process returned, as in `GameExitedError`; None if unknown, or if it had to be ended.
        output: The last lines that it printed.
    """

    worker: int = 0
    restarts: int = 0
    exit_status: int | None = None
    output: str = ""


class AddressInUseError(GameError):
    """The address on which Python should wait for the game is taken."""


# -- The scene ---------------------------------------------------------------------------------------------------------


class SceneError(GodotMarlError):
    """The scene breaks the agent interface."""


class NoAgentError(SceneError):
    """The scene has no node with the five methods of the agent interface."""


class InvalidSpaceError(SceneError, ValueError):
    """A space is missing, malformed, or not among those that cross the wire."""


class InvalidObservationError(SceneError, ValueError):
    """An observation, reward, end, mask or info is of the wrong type or size, or is not a number."""


class ScriptError(SceneError):
    """A GDScript of the game failed, while it was parsed or while it ran.

    Attributes:
        script_errors: One dictionary for each error with `file`, `line`, `function` and `message`.
    """

    script_errors: tuple[dict[str, object], ...] = ()


class SeveralAgentsError(SceneError):
    """A single-agent environment was made of a scene that has several agents."""


# -- The wire ----------------------------------------------------------------------------------------------------------


class ProtocolError(GodotMarlError):
    """The peer sent something that `docs/protocol.md` does not allow."""


class ProtocolVersionError(ProtocolError):
    """The addon in the game and this Python package speak different versions of the protocol."""
