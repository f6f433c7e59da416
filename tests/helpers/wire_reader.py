"""A strict reader of what a game may send, written from `docs/protocol.md` alone; it shares nothing with the product.

It answers plain facts, or raises `WrongError`. Numbers of messages stay the bytes that they came in, so that a NaN is
equal to itself.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wire_reference import FORMATS, Space, is_leaf, leaf, members

SIZES = {"f64": 8, "i64": 8, "f32": 4, "i32": 4, "u8": 1}
RANGES = {"int8": (-(2**7), 2**7 - 1), "int16": (-(2**15), 2**15 - 1), "int32": (-(2**31), 2**31 - 1)}
RANGES |= {"int64": (-(2**63), 2**63 - 1), "uint8": (0, 255)}
LARGEST = 1 << 26
FIRST = {0, 1, 33}
FLAGS = FIRST | {18, 41} | {1 | end | joined for end in (0, 2, 4, 6) for joined in (0, 8)}


class WrongError(Exception):
    """The message is not allowed."""


def check(fact: object, what: str = "") -> None:
    if not fact:
        raise WrongError(what)


# -- Control messages --------------------------------------------------------------------------------------------------


def read_object(text: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise WrongError(name)

    try:
        text.encode()
        value = json.loads(text, parse_constant=refuse, strict=False)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise WrongError(str(error)) from error
    check(isinstance(value, dict), "no object")
    return value


def member(message: Any, name: str, kind: type, *default: Any) -> Any:
    check(isinstance(message, dict), "no object")
    check(name in message or default, f"{name} is missing")
    value = message.get(name, *default)
    check(type(value) is kind, f"{name}: {value!r}")
    return value


def whole(value: Any, least: int, most: int = 2**31 - 1) -> int:
    check(type(value) is int or (type(value) is float and math.isfinite(value) and value == math.floor(value)))
    check(least <= value <= most, repr(value))
    return int(value)


def read_hello(text: str) -> dict[str, Any]:
    """Clause 2.1."""
    message = read_object(text)
    check(message.get("type") == "hello")
    check(type(message.get("protocol")) in (int, float) and message["protocol"] == 1)
    facts = {name: member(message, name, str, "") for name in ("addon_version", "engine")}
    member(message, "scene", str, "")
    return {**facts, "debug": member(message, "debug", bool, True)}


def read_scene(text: str, arenas: int) -> dict[str, Any]:
    """Clause 2.3."""
    message = read_object(text)
    check(message.get("type") == "scene")
    facts = {name: whole(message.get(name), 1) for name in ("step_length", "physics_fps", "arenas")}
    check(facts["arenas"] == arenas)
    facts["settle_frames"] = whole(message.get("settle_frames", 0), 0)
    facts |= {name: member(message, name, bool, False) for name in ("turns", "takes_options")}
    warnings = member(message, "warnings", list, [])
    texts = [[member(warning, name, str) for name in ("where", "what", "remedy")] for warning in warnings]
    facts["warnings"] = [f"{where}: {what} {remedy}" for where, what, remedy in texts]
    facts["agents"] = [read_agent(agent) for agent in member(message, "agents", list)]
    names = [agent["name"] for agent in facts["agents"]]
    check(names and all(names) and len(set(names)) == len(names))
    state = message.get("state_space")
    facts["state_space"] = None if state is None else read_space(state)
    seen = sum(size_of(agent["observation_space"]) + agent["action_mask"] for agent in message["agents"])
    seen += 0 if state is None else size_of(state)
    done = sum(size_of(agent["action_space"]) for agent in message["agents"])
    check(arenas * max(seen, done) <= LARGEST, "too large")
    return facts


def read_agent(agent: Any) -> dict[str, Any]:
    facts = {name: member(agent, name, str) for name in ("name", "path", "policy")}
    facts |= {name: read_space(member(agent, name, dict)) for name in ("observation_space", "action_space")}
    return {**facts, "action_mask": whole(agent.get("action_mask"), 0)}


def size_of(space: Space) -> int:
    """How many bytes a value takes (4.2)."""
    if not is_leaf(space):
        return sum(size_of(inner) for _, inner in members(space))
    section, size = leaf(space)
    return int(SIZES[section] * size)


def read_space(space: Any) -> Any:
    """Section 3, as nested tuples."""
    kind = member(space, "type", str)
    if kind == "discrete":
        n, start = whole(space.get("n"), 1, 2**63 - 1), whole(space.get("start", 0), -(2**63), 2**63 - 1)
        check(start + n <= 2**63)
        return "discrete", n, start
    if kind == "multi_discrete":
        check(member(space, "nvec", list))
        return "multi_discrete", tuple(whole(n, 1, 2**63 - 1) for n in space["nvec"])
    if kind == "multi_binary":
        return "multi_binary", whole(space.get("n"), 1, LARGEST)
    if kind in ("dict", "tuple"):
        check(member(space, "spaces", dict if kind == "dict" else list))
        return kind, tuple((key, read_space(inner)) for key, inner in members(space))
    check(kind == "box", kind)
    shape = tuple(whole(length, 1, LARGEST) for length in member(space, "shape", list))
    dtype = member(space, "dtype", str)
    check(shape and math.prod(shape) <= LARGEST and dtype in (*RANGES, "float32", "float64"))
    low, high = (read_bound(space.get(name), dtype, math.prod(shape)) for name in ("low", "high"))
    # Before they are made to fit into their type.
    lows, highs = ([float(n) for n in (b if isinstance(b, list) else [b])] for b in (space["low"], space["high"]))
    check(all(lows[i % len(lows)] <= highs[i % len(highs)] for i in range(max(len(lows), len(highs)))))
    return "box", shape, dtype, low, high


def read_bound(bound: Any, dtype: str, size: int) -> list[float]:
    """One number if all are the same."""
    check(not isinstance(bound, list) or len(bound) == size)
    numbers = [read_number(number, dtype) for number in (bound if isinstance(bound, list) else [bound])]
    return numbers[:1] if len(set(numbers)) == 1 else numbers


def read_number(number: Any, dtype: str) -> float:
    if number in ("inf", "-inf"):
        number = float(number)
    check(type(number) in (int, float))
    try:
        check(not math.isnan(number))
    except OverflowError as error:
        raise WrongError("beyond a float64") from error
    if dtype in RANGES:
        least, most = RANGES[dtype]
        check(math.isinf(number) or number == math.floor(number))
        return max(least, min(most, number if math.isinf(number) else int(number)))
    number = float(number)
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0]) if dtype == "float32" else number
    except OverflowError:
        return math.copysign(math.inf, number)


# -- What Python sends -------------------------------------------------------------------------------------------------


def read_request(text: str) -> dict[str, Any]:
    """A configure, reset or render message (2.2, 2.4, 2.5), or another type with any members."""
    message = read_object(text)
    kind = member(message, "type", str)
    if kind == "configure":
        whole(message.get("protocol"), 0)
        whole(message.get("arenas", 1), 1, 2**16)
        for name in ("step_length", "physics_fps"):
            check(message.get(name) is None or whole(message[name], 1))
        for name in ("real_time", "exact_reset"):
            member(message, name, bool, False)
        timeout = message.get("turn_timeout", 0)
        check(type(timeout) in (int, float) and 0 <= timeout < float("inf"))
        check(all(type(name) is str for name in member(message, "human_agents", list, [])))
        check(member(message, "layout", str, "separate") in ("separate", "shared"))
        for name in ("action_spaces", "observation_spaces"):
            check(all(type(space) is dict for space in member(message, name, dict, {}).values()))
    elif kind == "reset":
        whole(message.get("request"), 0, 2**32 - 1)
        indices = []
        for wish in member(message, "arenas", list):
            indices.append(
                whole(member(wish, "arena", type(wish.get("arena")) if type(wish) is dict else int), 0, 2**16)
            )
            seed = member(wish, "seed", str)
            check(seed and set(seed) <= set("0123456789") and len(seed) < 20 and int(seed) < 2**63)
            options = member(wish, "options", dict)
            for pair in member(wish, "exact", list, []):
                put_exact(options, pair)
        check(len(set(indices)) == len(indices))
    elif kind == "render":
        whole(message.get("request"), 0, 2**32 - 1)
        whole(message.get("arena"), 0, 2**16)
        size = message.get("size")
        check(size is None or (type(size) is list and len(size) == 2 and all(whole(n, 1, 2**14) for n in size)))
    return message


def put_exact(options: dict[str, Any], pair: Any) -> None:
    """A number with its bits, in the place of the number in the JSON (2.4)."""
    check(type(pair) is list and len(pair) == 2)
    path, digits = pair
    check(type(path) is list and path and type(digits) is str and re.fullmatch("[0-9a-f]{16}", digits))
    (number,) = struct.unpack("<d", bytes.fromhex(digits))
    check(math.isfinite(number))
    holder: Any = options
    for i, step in enumerate(path):
        if type(holder) is list:
            step = whole(step, 0, len(holder) - 1)
        else:
            check(type(holder) is dict and type(step) is str and step in holder)
        if i == len(path) - 1:
            check(type(holder[step]) in (int, float))
            holder[step] = number
        holder = holder[step]


def read_step(message: bytes, arenas: int, spaces: Sequence[Space]) -> dict[str, Any]:
    """Section 5: the request, for each slot the action as the bytes of float64 and int64, the orders and the seeds."""
    data = Bytes(message)
    kind, flags, zero, request = struct.unpack("<BBHI", data.take(8))
    check(kind == 1 and flags in (0, 1) and zero == 0, "header")
    values: list[list[bytes]] = [[b""] * len(leaves(space)) for _ in range(arenas) for space in spaces]
    for section in SIZES:
        for slot, places in enumerate(values):
            for place, (own, size, _) in enumerate(leaves(spaces[slot % len(spaces)])):
                if own == section:
                    numbers = struct.unpack(f"<{size}{FORMATS[section]}", data.take(size * SIZES[section]))
                    places[place] = struct.pack(f"<{size}{'d' if section in ('f64', 'f32') else 'q'}", *numbers)
    action_present = data.take(len(values))
    reset_orders = data.take(arenas if flags else 0)
    seeds = struct.unpack(f"<{len(reset_orders)}q", data.take(8 * len(reset_orders)))
    check(
        not data.rest
        and set(action_present) <= {0, 1}
        and set(reset_orders) <= {0, 1, 2}
        and all(seed >= 0 for seed in seeds)
    )
    actions = [b"".join(places) if mark else None for places, mark in zip(values, action_present, strict=True)]
    return {"request": request, "actions": actions, "orders": list(reset_orders), "seeds": list(seeds)}


# -- Binary messages ---------------------------------------------------------------------------------------------------


@dataclass
class Scene:
    """What of a scene message the binary ones need."""

    arenas: int
    observation_spaces: Sequence[Space]
    mask_sizes: Sequence[int]
    names: Sequence[str]
    state_space: Space | None = None


class Bytes:
    """Hands out the bytes of a message."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def take(self, size: int) -> bytes:
        check(len(self.rest) >= size, "too short")
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken


def leaves(space: Space) -> list[tuple[str, int, str]]:
    if is_leaf(space):
        return [(*leaf(space), space.get("dtype", "int64"))]
    return [found for _, inner in members(space) for found in leaves(inner)]


def read_part(data: Bytes, scene: Scene, arenas: int, allowed: set[int]) -> dict[str, Any]:
    """Clause 6.2 without the rewards: for each arena and slot, the state last, the bytes of its leaves."""
    spaces = [*scene.observation_spaces, *([] if scene.state_space is None else [scene.state_space])]
    values: list[list[list[bytes]]] = [[[b""] * len(leaves(space)) for space in spaces] for _ in range(arenas)]

    def fill(section: str) -> None:
        for arena in range(arenas):
            for slot, space in enumerate(spaces):
                for place, (own, size, dtype) in enumerate(leaves(space)):
                    if own == section:
                        taken = data.take(size * SIZES[section])
                        if section == "i32":
                            least, most = RANGES[dtype]
                            check(all(least <= n <= most for n in struct.unpack(f"<{size}i", taken)))
                        values[arena][slot][place] = taken

    for section in ("f64", "i64", "f32", "i32"):
        fill(section)
    flags = data.take(arenas * len(scene.observation_spaces))
    check(set(flags) <= allowed, "flags")
    masks = data.take(arenas * sum(scene.mask_sizes))
    check(set(masks) <= {0, 1}, "masks")
    fill("u8")
    return {"flags": flags, "masks": masks, "values": values}


def read_reply(message: bytes, scene: Scene, request: int, asked: str) -> dict[str, Any]:
    """Section 6, as the answer to a "reset", a "step", or a step with orders ("rows")."""
    data = Bytes(message)
    kind, flags, zero, answered, tail_size, frames = struct.unpack("<BBHIII", data.take(16))
    check(kind == 2 and flags in (0, 1) and zero == 0 and answered == request, "header")
    rewards = data.take(8 * scene.arenas * len(scene.names))
    facts: dict[str, Any] = {"frames": frames, "rewards": rewards, "reset": [], "next": None}
    facts |= read_part(data, scene, scene.arenas, FIRST if asked == "reset" else FLAGS)
    if asked == "reset":
        check(not any(struct.unpack(f"<{len(rewards) // 8}d", rewards)), "rewards")
    if flags:
        action_present = data.take(scene.arenas)
        check(set(action_present) <= {0, 1}, "marks")
        facts["reset"] = [arena for arena, mark in enumerate(action_present) if mark]
        check(asked == "rows" or not facts["reset"])
        if facts["reset"]:
            facts["next"] = read_part(data, scene, len(facts["reset"]), FIRST)
    check(len(data.rest) == tail_size, "tail")
    tail = read_tail(data.rest) if tail_size else {}
    facts["infos"] = read_infos(tail.get("infos"), scene.arenas)
    infos = read_infos(tail.get("next_infos"), len(facts["reset"]))
    if facts["next"]:
        facts["next"]["infos"] = infos
    return facts


def read_tail(tail: bytes) -> dict[str, Any]:
    try:
        value = read_object(tail.decode())
    except UnicodeDecodeError as error:
        raise WrongError(str(error)) from error
    check("infos" in value or "next_infos" in value)
    check(value.get("infos", []) is not None and value.get("next_infos", []) is not None)
    return value


def read_infos(infos: Any, count: int) -> list[Any]:
    """Clause 6.4; left out, there are none."""
    if infos is None:
        return [{} for _ in range(count)]
    check(type(infos) is list and len(infos) == count)
    check(all(type(arena) is dict and all(type(info) is dict for info in arena.values()) for arena in infos))
    return list(infos)


def read_frame(message: bytes, request: int) -> tuple[int, int, bytes]:
    """Section 7: height, width and pixels."""
    data = Bytes(message)
    head = struct.unpack("<BBHIIIII", data.take(24))
    kind, flags, zero, answered, width, height, channels, last = head
    check((kind, flags, zero, answered, channels, last) == (3, 0, 0, request, 3, 0), "header")
    check(width > 0 and height > 0 and len(data.rest) == width * height * 3)
    return height, width, data.rest
