"""What a kind of space must define. A class that leaves a part out cannot be instantiated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidSpaceError

S = TypeVar("S", bound=spaces.Space[Any])
Array = np.ndarray[Any, Any]
Wire = Mapping[str, Any]


class SpaceKind(ABC, Generic[S]):
    """What leaves and composites have in common.

    Attributes:
        wire_type: The `type` of its description (`docs/protocol.md`, section 3).
        space_type: Its class in Gymnasium; subclasses are of the same kind.
        wire_limits: Which of its spaces cross the wire, for an error.
    """

    wire_type: ClassVar[str]
    space_type: ClassVar[type[spaces.Space[Any]]]
    wire_limits: ClassVar[str]

    @abstractmethod
    def crosses_wire(self, space: S) -> bool:
        """Whether the protocol can describe the space."""


class LeafKind(SpaceKind[S]):
    """A kind of space whose values are arrays or numbers.

    Attributes:
        has_soft_bounds: True if an observation beyond the bounds still means something: it is warned of and passed on.
    """

    has_soft_bounds: ClassVar[bool] = False

    @abstractmethod
    def from_wire(self, wire: Wire) -> S:
        """The space of a description.

        Raises:
            KeyError, TypeError, ValueError, AssertionError, OverflowError: The description is malformed.
        """

    @abstractmethod
    def to_wire(self, space: S) -> dict[str, Any]:
        """The description of a space that crosses the wire."""

    @abstractmethod
    def bytes_of_wire(self, wire: Wire) -> int:
        """How many bytes a value takes in a message, without making the space.

        Raises:
            KeyError, TypeError, ValueError, OverflowError: The description is malformed.
        """

    @abstractmethod
    def section(self, space: S) -> str:
        """The section of the messages in which its elements lie (4.2)."""

    @abstractmethod
    def bounds(self, space: S) -> tuple[Any, Any]:
        """The smallest and the largest value of each element, of a shape that broadcasts to the space's."""

    @abstractmethod
    def contains(self, space: S, value: Any) -> bool:
        """Whether one action is in the space. Numbers of another width are accepted, as trainers make them."""

    @abstractmethod
    def describe(self, space: S) -> str:
        """The space in a few words, for a table."""

    def batch_dtypes(self, space: S) -> str:
        """The kinds of dtype that a batch of actions may have, as `numpy.dtype.kind` names them."""
        return "iub"

    def blank(self, space: S, fill: int) -> Any:
        """A new value whose elements are `fill`, or what is nearest to it in the space."""
        low, high = self.bounds(space)
        filled = np.clip(np.full(space.shape or (), fill, space.dtype), low, high).astype(space.dtype)
        return filled if space.shape else filled[()]

    def sample_mask(self, space: S, mask: Array, where: str) -> Any:
        """An action mask as `space.sample` takes it.

        Args:
            space: The action space.
            mask: The mask as the messages have it.
            where: What to call it in an error.

        Raises:
            InvalidSpaceError: The mask has another size, or actions of this kind cannot be masked.
        """
        raise InvalidSpaceError(
            "Actions of this space cannot be masked.",
            where=where,
            expected="a Discrete or MultiDiscrete space",
            got=str(space),
            remedy="Remove get_action_mask() from the agent's script, or give it another action space.",
        )


class CompositeKind(SpaceKind[S]):
    """A kind of space that consists of named or numbered members."""

    @abstractmethod
    def members_from_wire(self, wire: Wire) -> dict[Any, Any]:
        """The descriptions of the members by key, in the order of clauses 3.5 and 4.1.

        Raises:
            KeyError, TypeError, ValueError: The description is malformed.
        """

    @abstractmethod
    def members_to_wire(self, members: dict[Any, Any]) -> Any:
        """The member `spaces` of a description, from the descriptions of the members."""

    @abstractmethod
    def make(self, members: dict[Any, spaces.Space[Any]]) -> S:
        """The space of these members."""

    @abstractmethod
    def keys(self, space: S) -> Sequence[Any]:
        """The keys of the members, in the order of clauses 3.5 and 4.1."""

    @abstractmethod
    def member(self, space: S, key: Any) -> spaces.Space[Any]:
        """The member of this key."""

    @abstractmethod
    def parts(self, space: S, value: Any) -> Any:
        """What holds the members of a value, by key; None if the value has another form."""

    @abstractmethod
    def combine(self, parts: dict[Any, Any]) -> Any:
        """The value whose members are these, by key."""

    @abstractmethod
    def suffix(self, key: Any) -> str:
        """What follows the place of the space in that of a member."""

    @abstractmethod
    def describe(self, parts: dict[Any, str]) -> str:
        """The space in a few words, from those of its members."""


def as_array(value: Any) -> Array | None:
    """An array, or what NumPy makes of a sequence; None for anything else."""
    if not isinstance(value, (np.ndarray, Sequence)):
        return None
    try:
        return np.asarray(value)
    except ValueError:
        # The rows of a list have several lengths.
        return None


def check_mask_size(space: spaces.Space[Any], mask: Array, size: int, where: str) -> None:
    """Check that an action mask has a number for each choice.

    Raises:
        InvalidSpaceError: It has not.
    """
    if mask.size != size:
        raise InvalidSpaceError(
            "The action mask does not fit the action space.",
            where=where,
            expected=f"{size} numbers for {space}",
            got=f"{mask.size} numbers",
            remedy="Return one number for each choice.",
        )
