"""What a program that imports godot-marl holds on to: exports, signatures, Gymnasium's ids, the command's name.

The expected values are written down in `public_interface.json`, and never computed from what is tested. All that stands
there has to stay as it is; adding is allowed (an export, an argument with a default). What makes a test here fail
breaks programs of users: it needs an entry in the changelog, and then an edit of that file.

Only public paths are imported, so that internal modules can move without an edit here. `test_public_options.py`,
`test_public_errors.py`, `test_public_cli.py`, `test_public_settings.py`, and in `tests/integration`
`test_public_results.py` and `test_public_addon.py` guard the rest of the interface in the same way.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import pettingzoo
import pytest
import stable_baselines3.common.vec_env
from gymnasium.envs.registration import load_env_creator

import godot_marl

ROOT = Path(__file__).parents[2]
# Signatures are as Python prints them, without annotations. Constructors that are for this package alone are left out:
# `GodotParallelEnv.of_arena`, `Finding.of_error`, `MissingDependencyError.of_extra`, `Options.from_kwargs`.
PUBLIC = json.loads(Path(__file__).with_name("public_interface.json").read_text(encoding="utf-8"))
EXPORTS: dict[str, list[str]] = PUBLIC["exports"]
OTHER_NAMES: dict[str, list[str]] = PUBLIC["names without __all__"]
SIGNATURES: dict[str, str] = PUBLIC["signatures"]
ATTRIBUTES: dict[str, list[str]] = PUBLIC["attributes"]
GYMNASIUM_IDS: dict[str, str] = PUBLIC["gymnasium"]
BASES = {
    "godot_marl.GodotEnv": gymnasium.Env,
    "godot_marl.GodotParallelEnv": pettingzoo.ParallelEnv,
    "godot_marl.GodotVectorEnv": gymnasium.vector.VectorEnv,
    "godot_marl.PaddedEnv": pettingzoo.ParallelEnv,
    "godot_marl.sb3.GodotVecEnv": stable_baselines3.common.vec_env.VecEnv,
}


@pytest.mark.parametrize("module", EXPORTS)
def test_every_export_is_there(module: str) -> None:
    exports = importlib.import_module(module).__all__
    assert set(EXPORTS[module]) <= set(exports)
    assert len(set(exports)) == len(exports)


@pytest.mark.parametrize("module", [*EXPORTS, *OTHER_NAMES])
def test_every_export_can_be_imported(module: str) -> None:
    loaded = importlib.import_module(module)
    for name in [*EXPORTS.get(module, []), *OTHER_NAMES.get(module, [])]:
        assert hasattr(loaded, name), name


# -- Signatures --------------------------------------------------------------------------------------------------------


class Shape(NamedTuple):
    """A signature as a caller sees it; each parameter with its default."""

    by_place: list[str]
    by_name: set[str]
    collecting: set[str]

    @classmethod
    def of(cls, text: str) -> Shape:
        """From what Python prints, such as "(a, b=1, *, c=2, **d)"."""
        shape, has_star = cls([], set(), set()), False
        for parameter in text.strip("()").split(", ") if text != "()" else []:
            if parameter.startswith("*"):
                has_star = has_star or not parameter.startswith("**")
                # What collects the rest has a name for itself alone.
                shape.collecting.update({"**"} if parameter.startswith("**") else {"*"} if parameter != "*" else ())
            elif has_star:
                shape.by_name.add(parameter)
            else:
                shape.by_place.append(parameter)
        return shape

    def serves(self, then: Shape) -> bool:
        """Whether each call that was right is still right, and means the same."""
        count = len(then.by_place)
        added = {*self.by_place[count:], *(self.by_name - then.by_name)}
        return (
            self.by_place[:count] == then.by_place
            and self.by_name >= then.by_name
            and self.collecting >= then.collecting
            and all("=" in parameter for parameter in added)
        )


def find(path: str) -> Any:
    """What a dotted path means: a module, or what is in one."""
    module = max((name for name in [*EXPORTS, *OTHER_NAMES] if path.startswith(f"{name}.")), key=len)
    found: Any = importlib.import_module(module)
    for name in path.removeprefix(f"{module}.").split("."):
        found = getattr(found, name)
    return found


def text_of(function: Any) -> str:
    signature = inspect.signature(function)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


@pytest.mark.parametrize("path", SIGNATURES)
def test_every_valid_call_stays_valid(path: str) -> None:
    now = text_of(find(path))
    assert Shape.of(now).serves(Shape.of(SIGNATURES[path])), f"{path} was {SIGNATURES[path]}, and is {now}"


@pytest.mark.parametrize(
    ("now", "serves"),
    [
        ("(game, seed=0, *, copies=1, **options)", True),
        ("(game, seed=0, scene=None, *, pin=True, copies=1, **options)", True),
        ("(game, seed=0, *args, copies=1, **more)", True),
        ("(project, seed=0, *, copies=1, **options)", False),
        ("(game, seed=1, *, copies=1, **options)", False),
        ("(game, seed, *, copies=1, **options)", False),
        ("(game, scene=None, seed=0, *, copies=1, **options)", False),
        ("(game, seed=0, *, arenas=1, **options)", False),
        ("(game, seed=0, *, copies=2, **options)", False),
        ("(game, seed=0, *, copies=1)", False),
        ("(game, seed=0, *, copies=1, pin, **options)", False),
        ("(game, *, seed=0, copies=1, **options)", False),
    ],
)
def test_a_call_that_is_no_longer_valid_is_detected(now: str, serves: bool) -> None:
    assert Shape.of(now).serves(Shape.of("(game, seed=0, *, copies=1, **options)")) == serves


# The names of their arguments differ, so that they are called by place.
@pytest.mark.parametrize("path", PUBLIC["scripted players"])
def test_scripted_players_take_observation_mask_and_generator(path: str) -> None:
    inspect.signature(find(path)).bind(np.zeros(1), None, np.random.default_rng(0))


@pytest.mark.parametrize("path", ATTRIBUTES)
def test_every_attribute_is_there(path: str) -> None:
    for name in ATTRIBUTES[path]:
        assert hasattr(find(path), name), name
        assert not callable(inspect.getattr_static(find(path), name)), name


@pytest.mark.parametrize("path", BASES)
def test_an_environment_is_an_instance_of_the_libraries_classes(path: str) -> None:
    assert issubclass(find(path), BASES[path])


def test_an_environment_that_has_not_started_is_of_its_class() -> None:
    env = godot_marl.parallel_env("nowhere")
    assert type(env) is godot_marl.GodotParallelEnv
    assert type(godot_marl.pad_agents(env)) is godot_marl.PaddedEnv


def test_a_suite_is_a_context_manager() -> None:
    suite = find("godot_marl.testing.Suite")
    assert hasattr(suite, "__enter__")
    assert hasattr(suite, "__exit__")


def test_constants() -> None:
    assert find("godot_marl.envs.cartpole_v0.MAX_CYCLES") == 250
    assert find("godot_marl.envs.tag_v0.MAX_CYCLES") == 200
    assert set(find("godot_marl.testing.PARTS")) >= {"pettingzoo", "repeats", "copies"}
    levels = {level.name: level.value for level in find("godot_marl.testing.Level")}
    assert levels.items() >= {"OK": "ok", "NOTE": "note", "WARNING": "warning", "FAULT": "FAULT"}.items()
    assert godot_marl.__version__ == find("godot_marl.version.__version__")


@pytest.mark.parametrize(
    ("example", "policies"),
    [
        ("cartpole", ["default"]),
        ("connect_four", ["player"]),
        ("soccer", ["player"]),
        ("tag", ["chaser", "runner"]),
        ("no_example", []),
    ],
)
def test_scripted_policies_of_examples(example: str, policies: list[str]) -> None:
    scripted = find("godot_marl.envs.scripted_policies")(example)
    assert sorted(scripted) == policies
    if policies:
        assert scripted == find(f"godot_marl.envs.{example}_v0.SCRIPTED")


# -- RLlib: read, not imported, as Ray is not installed everywhere -----------------------------------------------------


def functions_of(body: list[ast.stmt], prefix: str = "") -> dict[str, str]:
    """The signatures of the functions and methods in a piece of source, without annotations."""
    found = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found |= functions_of(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            for argument in ast.walk(node.args):
                if isinstance(argument, ast.arg):
                    argument.annotation = None
            found[f"{prefix}{node.name}"] = f"({ast.unparse(node.args)})"
    return found


def test_interface_for_rllib() -> None:
    package = Path(inspect.getfile(godot_marl)).parent
    tree = ast.parse((package / "rllib.py").read_text(encoding="utf-8"))
    assigned = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert set(PUBLIC["rllib exports"]) <= set(ast.literal_eval(assigned["__all__"]))
    functions = functions_of(tree.body)
    for name, then in PUBLIC["rllib signatures"].items():
        assert Shape.of(functions[name]).serves(Shape.of(then)), f"{name} was {then}, and is {functions[name]}"


# -- Gymnasium ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GYMNASIUM_IDS)
def test_gymnasium_knows_the_id(name: str) -> None:
    spec = gymnasium.spec(name)
    assert isinstance(spec.entry_point, str)
    now = text_of(load_env_creator(spec.entry_point))
    assert Shape.of(now).serves(Shape.of(GYMNASIUM_IDS[name])), f"{name} was {GYMNASIUM_IDS[name]}, and is {now}"
    assert spec.kwargs == {}
    assert spec.max_episode_steps is None
    # GymGodot never enforced the bounds of observations, which Gymnasium's checker would warn of.
    assert spec.disable_env_checker == (name == "godot_marl/server-v0")


def test_gymnasium_makes_the_environment() -> None:
    spec = gymnasium.spec("godot_marl/Godot-v0")
    assert type(spec.make(game="nowhere", disable_env_checker=True).unwrapped) is godot_marl.GodotEnv


# -- The distribution --------------------------------------------------------------------------------------------------


def test_command_and_extras_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "godot-marl"
    assert project["scripts"]["godot-marl"] == "godot_marl.cli:main"
    assert set(project["optional-dependencies"]) >= {"render", "sb3", "supersuit", "rllib"}
