"""Where the values of spaces lie in the sections of the messages (`docs/protocol.md`, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

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


class SpacePlan:
    """Where the leaves of one space lie, for one slot."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        """Plan for `space`, which must be one that `godot_marl.spaces.to_wire` takes."""
        self.space = space
        self.widths = dict.fromkeys(SECTIONS, 0)
        self.leaves: list[tuple[Leaf, spaces.Space[Any]]] = []
        self.tree = self._plan(space)
        # The leaf of a space that is one itself.
        self.only_leaf = leaf = self.tree if isinstance(self.tree, Leaf) else None
        # Whether the values are arrays that need no conversion.
        self.is_view = leaf is not None and bool(leaf.shape) and leaf.dtype == SECTION_DTYPES[leaf.section]

    def _plan(self, space: spaces.Space[Any]) -> Any:
        if isinstance(space, spaces.Dict):
            return {name: self._plan(member) for name, member in sorted(space.spaces.items())}
        if isinstance(space, spaces.Tuple):
            return tuple(self._plan(member) for member in space.spaces)
        dtype = np.dtype(space.dtype)
        shape = tuple(space.shape or ())
        size = int(np.prod(shape, dtype=np.int64))
        section = _section_of(dtype) if isinstance(space, spaces.Box) else _SECTION_OF_SPACE[type(space)]
        leaf = Leaf(section, self.widths[section], size, shape, dtype)
        self.widths[section] += size
        self.leaves.append((leaf, space))
        return leaf

    def write(self, value: Any, rows: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Store `value` in one slot's part of each section."""
        self._write(self.tree, value, rows)

    def _write(self, tree: Any, value: Any, rows: Mapping[str, np.ndarray[Any, Any]]) -> None:
        if isinstance(tree, Leaf):
            rows[tree.section][tree.begin : tree.begin + tree.size] = np.asarray(value).reshape(tree.size)
        elif isinstance(tree, dict):
            for name, member in tree.items():
                self._write(member, value[name], rows)
        else:
            for member, item in zip(tree, value, strict=True):
                self._write(member, item, rows)

    def read(self, rows: Mapping[str, np.ndarray[Any, Any]]) -> Any:
        """The value in one slot's part of each section; a view where the type needs no conversion."""
        return self._read(self.tree, rows)

    def _read(self, tree: Any, rows: Mapping[str, np.ndarray[Any, Any]]) -> Any:
        if isinstance(tree, Leaf):
            elements = rows[tree.section][tree.begin : tree.begin + tree.size].reshape(tree.shape)
            return elements if tree.shape and elements.dtype == tree.dtype else elements.astype(tree.dtype)[()]
        if isinstance(tree, dict):
            return {name: self._read(member, rows) for name, member in tree.items()}
        return tuple(self._read(member, rows) for member in tree)


_SECTION_OF_SPACE: dict[type, str] = {
    spaces.Discrete: "i64",
    spaces.MultiDiscrete: "i64",
    spaces.MultiBinary: "u8",
}


def _section_of(dtype: np.dtype[Any]) -> str:
    return {"float64": "f64", "int64": "i64", "float32": "f32", "uint8": "u8"}.get(dtype.name, "i32")


class Place(NamedTuple):
    """Where one slot's elements lie, for one arena: the sections that it uses, each with its begin and end."""

    parts: tuple[tuple[str, int, int], ...]
    plan: SpacePlan


class Block:
    """The sections of one message that are not empty: all arenas, all slots, in the order of clause 4.3."""

    def __init__(self, plans: Sequence[SpacePlan], arenas: int) -> None:
        self.arenas = arenas
        self.places: list[Place] = []
        ends = dict.fromkeys(SECTIONS, 0)
        for plan in plans:
            parts = []
            for section, width in plan.widths.items():
                if width:
                    parts.append((section, ends[section], ends[section] + width))
                    ends[section] += width
            self.places.append(Place(tuple(parts), plan))
        self.widths = {section: width for section, width in ends.items() if width}

    @property
    def is_discrete(self) -> bool:
        """True if each slot has one Discrete space."""
        return all(isinstance(place.plan.space, spaces.Discrete) for place in self.places)

    def narrow_leaves(self) -> list[tuple[int, int, np.dtype[Any]]]:
        """The leaves of int8 and int16: begin and end in the section i32 of an arena, and the type."""
        found = []
        for parts, plan in self.places:
            for section, begin, _ in parts:
                if section == "i32":
                    own = [leaf for leaf, _ in plan.leaves if leaf.section == section and leaf.dtype.itemsize < 4]
                    found += [(begin + leaf.begin, begin + leaf.begin + leaf.size, leaf.dtype) for leaf in own]
        return found

    def same_views(self, slots: int) -> tuple[str, int, tuple[int, ...]] | None:
        """Where the values of the first slots lie, if they are views of one form: section, end, and shape of all."""
        plans = [place.plan for place in self.places[:slots]]
        leaf = plans[0].only_leaf
        if leaf is None or any(plan.only_leaf != leaf or not plan.is_view for plan in plans):
            return None
        return leaf.section, slots * leaf.size, (slots, *leaf.shape)

    def read(self, block: Mapping[str, np.ndarray[Any, Any]], arena: int, slot: int) -> Any:
        """The value of one slot of an arena; a view where the type needs no conversion."""
        parts, plan = self.places[slot]
        if plan.is_view:
            section, begin, end = parts[0]
            elements = block[section][arena, begin:end]
            shape = plan.leaves[0][0].shape
            return elements if len(shape) == 1 else elements.reshape(shape)
        return plan.read(self._rows(block, arena, slot))

    def write(self, value: Any, block: Mapping[str, np.ndarray[Any, Any]], arena: int, slot: int) -> None:
        """Store the value of one slot of an arena."""
        parts, plan = self.places[slot]
        if plan.only_leaf is not None:
            section, begin, end = parts[0]
            block[section][arena, begin:end] = np.asarray(value).reshape(plan.only_leaf.size)
        else:
            plan.write(value, self._rows(block, arena, slot))

    def _rows(
        self, block: Mapping[str, np.ndarray[Any, Any]], arena: int, slot: int
    ) -> dict[str, np.ndarray[Any, Any]]:
        return {section: block[section][arena, begin:end] for section, begin, end in self.places[slot].parts}
