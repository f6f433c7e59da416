"""Options of a reset: a value that is sent arrives in the engine as the same value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from option_values import NUMBERS, TEXTS, VALUES, deep, same

from godot_marl.errors import InvalidOptionError
from godot_marl.parallel import GodotParallelEnv
from godot_marl.protocol.reset_options import MOST_DEPTH

MakeEnv = Callable[..., GodotParallelEnv]


@pytest.mark.godot
def test_any_option_arrives_in_the_engine_as_the_same_value(make: MakeEnv) -> None:
    env = make("repeater")

    @settings(max_examples=300, database=None, suppress_health_check=list(HealthCheck))
    @example({"numbers": [2**53, -(2**53), 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 0.1 + 0.2, 1e23]})
    @example({"texts": ["\x01\x0b\x1f\x7f\u2028\ufeff\ufffe\uffff\U0001f600\U0010ffff", '\\"/\\u0041\\v', "inf", ""]})
    # The info that brings it back is one deeper.
    @example({"": {"": []}, "deep": deep(MOST_DEPTH - 2)})
    @example({"random": np.random.default_rng(1).normal(size=500)})
    @given(st.dictionaries(TEXTS, VALUES | st.lists(NUMBERS, min_size=5, max_size=20)))
    def arrives(options: dict[str, Any]) -> None:
        found = env.reset(seed=1, options=options)[1]["repeater_0"]["options"]
        assert same(found, options), (found, options)

    arrives()


@pytest.mark.godot
def test_an_option_that_cannot_be_sent_is_an_error_before_the_request(make: MakeEnv) -> None:
    env = make("repeater")
    with pytest.raises(InvalidOptionError) as error:
        env.reset(options={"level": [1, 2, 3, 2**60]})
    assert error.value.where == 'options["level"][3]'
    assert env.reset(options={"level": 2})[1]["repeater_0"]["options"] == {"level": 2}
