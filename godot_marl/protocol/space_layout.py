"""Where the values of spaces lie in the sections of the messages (`docs/protocol.md`, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from godot_marl.protocol.space_kinds.kind import CompositeKind
from godot_marl.protocol.space_kinds.registry import kind_of

SECTIONS = ("f64", "i64", "f32", "i32", "u8")
SECTION_DTYPES = {"f64": "<f8", "i64": "<i8", "f32": "<f4", "i32": "<i4", "u8": "u1"}


@dataclass(frozen=True)
class Leaf:
    """One leaf of a space (4.1) and where its elements begin within its agent's part of the section."""

    section: str
    begin: int
    size: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class SpaceLayout:
    """Where the leaves of one space lie, for one slot.

    Args:
        space: A space that `godot_marl.protocol.spaces.to_wire` accepts.

    Raises:
        InvalidSpaceError: The space, or a member of it, is of an unknown type.
    """

    def __init__(self, space: spaces.Space[Any]) -> None:
        self.space = space
        self.widths = dict.fromkeys(SECTIONS, 0)
        self.leaves: list[tuple[Leaf, spaces.Space[Any]]] = []
        self.tree = self._layout(space, "space")
        # Set where the space itself is a leaf.
        self.only_leaf = leaf = self.tree if isinstance(self.tree, Leaf) else None
        # Whether the values are arrays that need no conversion.
        self.is_view = leaf is not None and bool(leaf.shape) and leaf.dtype == SECTION_DTYPES[leaf.section]

    def _layout(self, space: spaces.Space[Any], where: str) -> Any:
        kind = kind_of(space, where)
        if isinstance(kind, CompositeKind):
            keys = kind.keys(space)
            return kind.combine({key: self._layout(kind.member(space, key), where + kind.suffix(key)) for key in keys})
        shape = tuple(space.shape or ())
        size = int(np.prod(shape, dtype=np.int64))
        section = kind.section(space)
        leaf = Leaf(section, self.widths[section], size, shape, np.dtype(space.dtype))
        self.widths[section] += size
        self.leaves.append((leaf, space))
        return leaf

    def pack(self, value: Any, rows: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Store `value` in one slot's part of each section."""
        self._pack(self.tree, value, rows)

    def _pack(self, tree: Any, value: Any, rows: Mapping[str, np.ndarray[Any, Any]]) -> None:
        if isinstance(tree, Leaf):
            rows[tree.section][tree.begin : tree.begin + tree.size] = np.asarray(value).reshape(tree.size)
        elif isinstance(tree, dict):
            for name, member in tree.items():
                self._pack(member, value[name], rows)
        else:
            for member, item in zip(tree, value, strict=True):
                self._pack(member, item, rows)

    def unpack(self, rows: Mapping[str, np.ndarray[Any, Any]]) -> Any:
        """The value in one slot's part of each section; a view where the dtype needs no conversion."""
        return self._unpack(self.tree, rows)

    def _unpack(self, tree: Any, rows: Mapping[str, np.ndarray[Any, Any]]) -> Any:
        if isinstance(tree, Leaf):
            elements = rows[tree.section][tree.begin : tree.begin + tree.size].reshape(tree.shape)
            return elements if tree.shape and elements.dtype == tree.dtype else elements.astype(tree.dtype)[()]
        if isinstance(tree, dict):
            return {name: self._unpack(member, rows) for name, member in tree.items()}
        return tuple(self._unpack(member, rows) for member in tree)


class SlotRange(NamedTuple):
    """Where the elements of one slot of an arena lie: the begin and end in each section that it uses."""

    parts: tuple[tuple[str, int, int], ...]
    layout: SpaceLayout


class SectionLayout:
    """The sections of one message that are not empty: all arenas, all slots, in the order of clause 4.3.

    Args:
        layouts: The layout of each slot.
        arenas: The arenas of the message.
    """

    def __init__(self, layouts: Sequence[SpaceLayout], arenas: int) -> None:
        self.arenas = arenas
        self.places: list[SlotRange] = []
        ends = dict.fromkeys(SECTIONS, 0)
        for layout in layouts:
            parts = []
            for section, width in layout.widths.items():
                if width:
                    parts.append((section, ends[section], ends[section] + width))
                    ends[section] += width
            self.places.append(SlotRange(tuple(parts), layout))
        self.widths = {section: width for section, width in ends.items() if width}

    @property
    def is_discrete(self) -> bool:
        """True if each slot has a Discrete space, for which `MessageCodec.encode_step` has a fast path."""
        return all(isinstance(place.layout.space, spaces.Discrete) for place in self.places)

    def narrow_leaves(self) -> list[tuple[int, int, np.dtype[Any]]]:
        """The leaves of int8 and int16: their begin and end in an arena's section i32, and their dtype."""
        found = []
        for parts, layout in self.places:
            for section, begin, _ in parts:
                if section == "i32":
                    own = [leaf for leaf, _ in layout.leaves if leaf.section == section and leaf.dtype.itemsize < 4]
                    found += [(begin + leaf.begin, begin + leaf.begin + leaf.size, leaf.dtype) for leaf in own]
        return found

    def same_views(self, slots: int) -> tuple[str, int, tuple[int, ...]] | None:
        """Where the values of the first slots lie, if all are views of one shape: section, end, and shape of all."""
        layouts = [place.layout for place in self.places[:slots]]
        leaf = layouts[0].only_leaf
        if leaf is None or any(layout.only_leaf != leaf or not layout.is_view for layout in layouts):
            return None
        return leaf.section, slots * leaf.size, (slots, *leaf.shape)

    def unpack(self, block: Mapping[str, np.ndarray[Any, Any]], arena: int, slot: int) -> Any:
        """The value of one slot of an arena; a view where the dtype needs no conversion."""
        parts, layout = self.places[slot]
        if layout.is_view:
            section, begin, end = parts[0]
            elements = block[section][arena, begin:end]
            shape = layout.leaves[0][0].shape
            return elements if len(shape) == 1 else elements.reshape(shape)
        return layout.unpack(self._rows(block, arena, slot))

    def pack(self, value: Any, block: Mapping[str, np.ndarray[Any, Any]], arena: int, slot: int) -> None:
        """Store the value of one slot of an arena."""
        parts, layout = self.places[slot]
        if layout.only_leaf is not None:
            section, begin, end = parts[0]
            block[section][arena, begin:end] = np.asarray(value).reshape(layout.only_leaf.size)
        else:
            layout.pack(value, self._rows(block, arena, slot))

    def _rows(
        self, block: Mapping[str, np.ndarray[Any, Any]], arena: int, slot: int
    ) -> dict[str, np.ndarray[Any, Any]]:
        return {section: block[section][arena, begin:end] for section, begin, end in self.places[slot].parts}
