"""What a broken game with GymGodot's node may answer: 500 answers, and 20,000 with `--nightly`.

Each is an answer, and read as what it says, or an error says that it is none.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import numpy as np
from gymnasium import spaces
from mutations import Tape, mutated_text

from godot_marl.errors import InvalidObservationError, ProtocolError
from godot_marl.gymgodot import protocol

SPACES: list[Any] = [
    spaces.Box(-1, 1, (2,)),
    spaces.Box(-1, 1, (2, 2), np.float64),
    spaces.Box(0, 255, (3,), np.uint8),
    spaces.Box(-9, 9, (2,), np.int16),
    spaces.Discrete(3),
    spaces.MultiDiscrete([3, 300]),
    spaces.MultiBinary(2),
]
ODD_TEXTS = ["nan", "-nan", "inf", "-inf", "1.#QNAN", "-1.#IND", "1.#INF", "1e39", "1e400", "-0.0", "9" * 18, "9" * 30]
ODD_TEXTS += ["1" + "0" * 400, "1e-400", "[" * 70 + "1" + "]" * 70, "[" * 5000, "[[1],[2]]", "[1,[2]]", '"[nan]"']
WORDS = {"nan": math.nan, "1.#qnan": math.nan, "1.#ind": math.nan, "inf": math.inf, "1.#inf": math.inf}
NUMBER = re.compile(r"(?<![\w.+-])[-+]?(?:nan|inf|1\.#(?:qnan|ind|inf)\w*)(?![\w.+-])", re.IGNORECASE)

MOST_LETTERS = 2000


def answer_of(tape: Tape, space: Any) -> tuple[str, str | bytes]:
    """The request, and the reply."""
    values = np.asarray(space.sample()).tolist()
    observation = values if isinstance(values, list) else [values]
    kind = tape.one_of(["reset", "step", "step", "render"])
    answers = {
        "reset": {"init_observation": observation},
        "step": {"observation": observation, "reward": tape.one_of([0, 0.5, -2]), "done": bool(tape.below(2))},
        "render": {"render_error": tape.one_of(["0", 12])},
    }
    text = mutated_text(tape, answers[kind], list(answers.values()))
    if tape.below(4) == 0:
        # Another word in the place of a number.
        numbers = list(re.finditer(r"-?\d+(\.\d+)?", text))
        if numbers:
            begin, end = tape.one_of(numbers).span()
            text = text[:begin] + tape.one_of(ODD_TEXTS) + text[end:]
    as_bytes = bool(tape.below(2))
    return kind, text.encode("utf-8", "surrogatepass") if as_bytes else text


# -- A second reader ---------------------------------------------------------------------------------------------------


def parse(message: str | bytes) -> Any:
    """JSON in which numbers may be those that Godot 3 writes. Integers beyond 64 bits are floats."""
    text = message if isinstance(message, str) else message.decode()
    plain: list[str] = []
    for i, part in enumerate(re.split(r'("(?:[^"\\]|\\.)*")', text, flags=re.DOTALL)):
        if i % 2 == 0:
            part = NUMBER.sub(lambda m: json.dumps(sign_of(m[0]) * WORDS[word_of(m[0])]), part)
        plain.append(part)
    return json.loads("".join(plain), parse_int=lambda digits: float(digits) if len(digits) > 18 else int(digits))


def sign_of(number: str) -> int:
    return -1 if number.startswith("-") else 1


def word_of(number: str) -> str:
    letters = number.lower().strip("+-")
    return next(word for word in WORDS if letters.startswith(word))


def flat(values: Any) -> list[Any]:
    return [item for value in values for item in flat(value)] if isinstance(values, list) else [values]


def shape_of(values: Any) -> tuple[int, ...] | None:
    """The lengths of lists in lists; None if they are of several."""
    if not isinstance(values, list):
        return ()
    shapes = {shape_of(value) for value in values}
    if len(shapes) > 1 or None in shapes:
        return None
    inner = shapes.pop() if shapes else ()
    return None if inner is None else (len(values), *inner)


def numbers_of(values: Any, space: Any) -> list[float] | None:
    """The observation's numbers in order; None if they are none of the space's type and number."""
    if not isinstance(values, list) or shape_of(values) is None or len(shape_of(values) or ()) > 64:
        return None
    numbers = flat(values)
    if len(numbers) != math.prod(space.shape) or not all(isinstance(n, (int, float)) for n in numbers):
        return None
    if any(math.isnan(n) for n in numbers):
        return None
    if space.dtype.kind == "f":
        with np.errstate(over="ignore"):
            kept = [float(space.dtype.type(n)) for n in numbers]
        return kept if all(math.isinf(n) == math.isinf(k) for n, k in zip(numbers, kept, strict=True)) else None
    limits = np.iinfo(space.dtype)
    fits = all(math.isfinite(n) and n == math.floor(n) and limits.min <= n <= limits.max for n in numbers)
    return [int(n) for n in numbers] if fits else None


def expected_of(kind: str, message: str | bytes, space: Any) -> Any:
    try:
        answer = parse(message)
    except (ValueError, RecursionError):
        return None
    keys = {"reset": {"init_observation"}, "step": {"observation", "reward", "done"}, "render": {"render_error"}}[kind]
    if not isinstance(answer, dict) or not keys <= answer.keys():
        return None
    if kind == "render":
        error = answer["render_error"]
        is_code = type(error) in (int, str) and re.fullmatch("[0-9]{1,9}", str(error))
        return str(error) if is_code else None
    if kind == "reset":
        return numbers_of(answer["init_observation"], space)
    reward, done = answer["reward"], answer["done"]
    observation = numbers_of(answer["observation"], space)
    if type(reward) not in (int, float) or math.isnan(reward) or type(done) is not bool or observation is None:
        return None
    return observation, float(reward), done


# -- What the product makes of it --------------------------------------------------------------------------------------


def plain(observation: Any, space: Any) -> list[Any]:
    array = np.asarray(observation)
    assert (array.shape, array.dtype) == (space.shape, space.dtype)
    return array.ravel().tolist()


def found_of(kind: str, message: str | bytes, space: Any) -> Any:
    try:
        if kind == "render":
            return protocol.read_render(message)
        if kind == "reset":
            return plain(protocol.read_reset(message, space), space)
        observation, reward, done = protocol.read_step(message, space)
    except (ProtocolError, InvalidObservationError) as error:
        # An error does not show all of an answer.
        return None if len(str(error)) < MOST_LETTERS else str(error)
    assert type(reward) is float
    return plain(observation, space), reward, done


def test_a_gymgodot_answer_is_decoded_correctly_or_is_an_error(nightly: bool, fuzz_seed: int) -> None:
    random = np.random.default_rng(fuzz_seed)
    counts: Counter[str] = Counter()
    answers = 20_000 if nightly else 500
    for space in SPACES:
        space.seed(int(random.integers(2**31)))
    for number in range(answers):
        tape = Tape(random.bytes(48))
        space = tape.one_of(SPACES)
        kind, message = answer_of(tape, space)
        found, expected = found_of(kind, message, space), expected_of(kind, message, space)
        assert found == expected, f"answer {number} to {kind} for {space}: {message[:1000]!r}"
        counts["refused" if found is None else "read"] += 1
    assert min(counts["read"], counts["refused"]) > answers // 20, counts
