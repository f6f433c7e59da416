"""The exceptions of godot-marl.

Each message says what is wrong, where, what was expected, what was found, and what to do. These parts are attributes
too, so a program does not have to parse the text.

The tree, with the built-in exception that an error also inherits in parentheses:

* GodotMarlError
  - InvalidOptionError (ValueError)
  - InvalidActionError (ValueError)
  - ResetNeededError (RuntimeError)
  - StepOrderError (RuntimeError)
  - BusyEnvironmentError (RuntimeError)
  - ClosedEnvironmentError (RuntimeError)
  - CacheError (OSError)
  - MissingDependencyError (ImportError)
  * EngineError
    - EngineNotFoundError
    - EngineVersionError
    - EngineInstallError
  * GameError
    - GameNotFoundError (FileNotFoundError)
    - GameImportError
    - NoBridgeError
    - GameExitedError
    - GameTimeoutError (TimeoutError)
    - WorkerRestartError
    - AddressInUseError
  * SceneError
    - NoAgentError
    - InvalidSpaceError (ValueError)
    - InvalidObservationError (ValueError)
    - ScriptError
    - SeveralAgentsError
  * ProtocolError
    - ProtocolVersionError
"""

from __future__ import annotations


class GodotMarlError(Exception):
    """The base class of all errors of this package.

    Args:
        what: One sentence that says what is wrong.
        where: The option, file, node path, method or agent that the error is about.
        expected: What would have been valid.
        got: What was found instead.
        remedy: What the user can do.

    Attributes:
        what: As the argument; so are `where`, `expected`, `got` and `remedy`.
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
        """Keep all attributes when the error is pickled: vector environments and Ray send errors between processes."""
        return (_rebuild, (type(self), str(self), dict(self.__dict__)))


def _rebuild(cls: type[GodotMarlError], message: str, parts: dict[str, object]) -> GodotMarlError:
    error = cls(message)
    error.__dict__.update(parts)
    return error


# -- How the library is called -----------------------------------------------------------------------------------------


class InvalidOptionError(GodotMarlError, ValueError):
    """An option of an environment or a command is unknown, or has an invalid value."""


class InvalidActionError(GodotMarlError, ValueError):
    """An action is missing, belongs to no agent, or lies outside its agent's action space."""


class ResetNeededError(GodotMarlError, RuntimeError):
    """`step`, `render` or `state` was called before `reset`."""


class StepOrderError(GodotMarlError, RuntimeError):
    """`step_wait` was called without `step_async`, or another method between the two."""


class BusyEnvironmentError(GodotMarlError, RuntimeError):
    """Two threads used one environment at the same time."""


class ClosedEnvironmentError(GodotMarlError, RuntimeError):
    """An environment was used after `close`."""


class CacheError(GodotMarlError, OSError):
    """The cache folder cannot be read or written, for example because the disk is full."""


class MissingDependencyError(GodotMarlError, ImportError):
    """A feature needs a Python package or a program that is not installed."""

    @classmethod
    def of_extra(cls, user: str, extra: str, cause: ImportError) -> MissingDependencyError:
        """Make the error of a feature whose extra is not installed.

        Args:
            user: The feature, as the subject of a sentence: "This command".
            extra: The name of the extra that the feature needs.
            cause: The failed import.
        """
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
    """No Godot executable was found in any of the searched places."""


class EngineVersionError(EngineError):
    """The Godot executable is too old for this package, or does not report its version."""


class EngineInstallError(EngineError):
    """Godot could not be installed; no partial installation remains."""


# -- The game ----------------------------------------------------------------------------------------------------------


class GameError(GodotMarlError):
    """The game could not be started, or failed while it ran."""


class GameNotFoundError(GameError, FileNotFoundError):
    """The project folder, the exported game, or the scene in it does not exist."""


class GameImportError(GameError):
    """Godot could not import the project."""


class NoBridgeError(GameError):
    """The scene runs, but has no enabled `MarlBridge` that connects to Python."""


class GameExitedError(GameError):
    """The game ended while Python waited for it.

    Attributes:
        exit_status: The exit status of the process; minus the signal's number if a signal ended it; None if unknown.
        output: The last lines that the game printed.
    """

    exit_status: int | None = None
    output: str = ""


class GameTimeoutError(GameError, TimeoutError):
    """The game runs, but did not connect or reply before the deadline.

    Attributes:
        output: The last lines that the game printed.
    """

    output: str = ""


class WorkerRestartError(GameError):
    """A worker was restarted several times in a row, and each of its games failed at once.

    Attributes:
        worker: The worker's number, from 0.
        restarts: The number of restarts since the workers were first started.
        exit_status: The exit status of the last process, as in `GameExitedError`; None if unknown, or if Python killed
            the process.
        output: The last lines that the last process printed.
    """

    worker: int = 0
    restarts: int = 0
    exit_status: int | None = None
    output: str = ""


class AddressInUseError(GameError):
    """Another program uses the address on which Python listens for the game."""


# -- The scene ---------------------------------------------------------------------------------------------------------


class SceneError(GodotMarlError):
    """The scene does not follow the agent interface."""


class NoAgentError(SceneError):
    """The scene has no node with the five methods of the agent interface."""


class InvalidSpaceError(SceneError, ValueError):
    """A space is missing, malformed, or of a type that the protocol does not have."""


class InvalidObservationError(SceneError, ValueError):
    """An observation, reward, end, mask or info has the wrong type or size, or is not a number."""


class ScriptError(SceneError):
    """A GDScript of the game failed to parse or failed while it ran.

    Attributes:
        script_errors: One dictionary for each error, with `file`, `line`, `function` and `message`.
    """

    script_errors: tuple[dict[str, object], ...] = ()


class SeveralAgentsError(SceneError):
    """A single-agent environment was made from a scene that has several agents."""


# -- The protocol ------------------------------------------------------------------------------------------------------


class ProtocolError(GodotMarlError):
    """The game sent a message that `docs/protocol.md` does not allow."""


class ProtocolVersionError(ProtocolError):
    """The addon in the game and this Python package have different versions of the protocol."""
