"""Finds the action space that a GymGodot game has: in the Python that trains it, or in what its script does with it."""

from __future__ import annotations

import ast
import json
import operator
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl.errors import InvalidSpaceError

_OPERATORS: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip
_CALLS: dict[str, Any] = {
    "Discrete": spaces.Discrete, "Box": spaces.Box, "MultiDiscrete": spaces.MultiDiscrete,
    "MultiBinary": spaces.MultiBinary, "array": np.array, "ones": np.ones, "zeros": np.zeros, "full": np.full,
    "float32": np.float32, "float64": np.float64, "float": float, "int": int,
}  # fmt: skip
_NAMES: dict[str, Any] = {
    "inf": np.inf, "Inf": np.inf, "infty": np.inf, "pi": np.pi, "float32": np.float32, "float64": np.float64,
    "int32": np.int32, "int64": np.int64, "uint8": np.uint8,
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """An action space, as GDScript.

    Attributes:
        code: What `get_action_space` returns.
        source: Where it was found.
        is_guess: True if the script alone suggests it.
    """

    code: str
    source: str
    is_guess: bool


def find_action_space(script: str, places: list[Path], project: Path) -> Finding | None:
    """The action space of an agent, or None.

    Args:
        script: The agent's script.
        places: Folders whose Python may train it, the nearest first.
        project: The project's folder.
    """
    for folder in places:
        for path in sorted([*folder.glob("*.py"), *folder.glob("*.ipynb")]):
            space = _space_in(_code_of(path))
            if space is not None:
                return Finding(_as_gdscript(space), path.relative_to(project).as_posix(), is_guess=False)
    guess = _guess(script)
    return None if guess is None else Finding(guess, "what apply_action() does with it", is_guess=True)


def _code_of(path: Path) -> list[str]:
    """The Python in a file: a script, or the cells of a notebook."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".py":
        return [text]
    try:
        cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        return []
    # The notebook's own commands are no Python.
    return [re.sub(r"^\s*[%!].*$", "", cell, flags=re.MULTILINE) for cell in cells]


def _space_in(code: list[str]) -> spaces.Space[Any] | None:
    values: dict[str, Any] = {}
    for part in code:
        try:
            tree = ast.parse(part)
        except (SyntaxError, ValueError):
            continue
        for name, value in _assignments(tree):
            try:
                with warnings.catch_warnings():
                    # Of a type that holds bounds less precisely.
                    warnings.simplefilter("ignore")
                    values[name] = _value(value, values)
            except Exception:  # whatever a stranger's code says, it only is no space then
                values.setdefault(name, None)
    found = values.get("action_space")
    return found if isinstance(found, spaces.Space) else None


def _assignments(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value
        elif isinstance(node, ast.Call):
            yield from ((word.arg, word.value) for word in node.keywords if word.arg == "action_space")


def _value(node: ast.expr, values: dict[str, Any]) -> Any:
    """The value of an expression of numbers, lists and spaces. Nothing is run but what is listed above."""
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple():
            return [_value(element, values) for element in node.elts]
        case ast.Name():
            return values[node.id] if node.id in values else _NAMES[node.id]
        case ast.Attribute():
            return _NAMES[node.attr]
        case ast.UnaryOp():
            return _OPERATORS[type(node.op)](_value(node.operand, values))
        case ast.BinOp():
            return _OPERATORS[type(node.op)](_value(node.left, values), _value(node.right, values))
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            words = {word.arg: _value(word.value, values) for word in node.keywords if word.arg}
            return _CALLS[name](*(_value(argument, values) for argument in node.args), **words)
    raise ValueError(ast.dump(node))


def _as_gdscript(space: spaces.Space[Any]) -> str:
    match space:
        case spaces.Discrete():
            return (
                f"MarlSpace.discrete({space.n})"
                if space.start == 0
                else f"MarlSpace.discrete({space.n}, {space.start})"
            )
        case spaces.MultiDiscrete():
            return f"MarlSpace.multi_discrete({space.nvec.ravel().tolist()})"
        case spaces.MultiBinary():
            return f"MarlSpace.multi_binary({int(np.prod(space.shape))})"
        case spaces.Box():
            low, high = space.low.ravel(), space.high.ravel()
            if len(space.shape) == 1:
                return f"MarlSpace.box({_numbers(low)}, {_numbers(high)})"
            return f"MarlSpace.box_of_shape({list(space.shape)}, {_number(low[0])}, {_number(high[0])})"
    raise InvalidSpaceError(
        "An action space of this type cannot be migrated.",
        where="the Python that trains the game",
        expected="Box, Discrete, MultiDiscrete or MultiBinary",
        got=str(space),
        remedy="Write get_action_space() in the agent's script.",
    )


def _numbers(values: Any) -> str:
    return "[" + ", ".join(map(_number, values)) + "]"


def _number(value: float) -> str:
    if np.isinf(value):
        return "INF" if value > 0 else "-INF"
    return repr(float(str(np.float32(value))))


def _guess(script: str) -> str | None:
    match = re.search(r"^func apply_action\(\s*(\w+).*?(?=^\S|\Z)", script, re.MULTILINE | re.DOTALL)
    if match is None:
        return None
    name, body = match[1], re.sub(r"#.*", "", match[0])
    indices = [int(i) for i in re.findall(rf"\b{name}\[(\d+)\]", body)]
    if not indices:
        return None
    choices = {int(i) for i in re.findall(rf"\b{name}\[0\]\)?\s*==\s*(\d+)", body)}
    if re.search(rf"match\s+(?:int\()?{name}\[0\]", body):
        choices |= {int(i) for i in re.findall(r"^\s+(\d+)\s*:", body, re.MULTILINE)}
    if choices and set(indices) == {0}:
        rest = bool(re.search(r"^\s*else\s*:|^\s*_\s*:", body, re.MULTILINE))
        # A single choice has another beside it, or it would be none.
        return f"MarlSpace.discrete({max(max(choices) + 1 + rest, 2)})"
    size = max(indices) + 1
    low, high = [-1.0] * size, [1.0] * size
    number = r"(-?\d+(?:\.\d+)?)"
    for i, least, most in re.findall(rf"\bcl\w+\(\s*{name}\[(\d+)\]\s*,\s*{number}\s*,\s*{number}\s*\)", body):
        low[int(i)], high[int(i)] = float(least), float(most)
    return f"MarlSpace.box({low}, {high})"
