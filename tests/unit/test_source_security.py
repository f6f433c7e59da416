"""The sources of the package and of the addon evaluate nothing that comes over the wire."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from pages import ROOT

# -- Python ------------------------------------------------------------------------------------------------------------

# Not sb3, rllib and training, whose libraries pickle.
CORE = [
    path
    for place in ("*.py", *(f"{name}/*.py" for name in ("assets", "core", "game", "protocol", "transport", "vector")))
    for path in (ROOT / "godot_marl").glob(place)
    if path.stem not in ("rllib", "wrappers")
]
EVALUATING = {"eval", "exec", "compile", "__import__", "import_module", "execfile"}
UNPICKLING = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "runpy"}


def test_no_module_of_the_core_evaluates_or_unpickles_anything() -> None:
    assert len(CORE) > 30
    for path in CORE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                is_regular_expression = name == "compile" and ast.unparse(node.func) == "re.compile"
                assert name not in EVALUATING or is_regular_expression, f"{path}:{node.lineno}"
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = {alias.name.partition(".")[0] for alias in node.names} | {getattr(node, "module", None) or ""}
                assert not names & UNPICKLING, f"{path}:{node.lineno}"


# -- The addon ---------------------------------------------------------------------------------------------------------

ADDON = ROOT / "godot_addon/addons/godot_marl"
# What calls a method, sets a property, or makes something of a text.
BY_NAME = re.compile(
    r"\.(call|callv|call_deferred|callp|set|set_deferred|set_indexed|get_indexed|emit_signal|rpc|propagate_call)\(\s*([^),]*)"
)
EVALUATES = re.compile(
    r"\b(Expression|str_to_var|bytes_to_var\w*|ClassDB|GDScript\.new|source_code|OS\.(execute|create_\w+|shell_open)|"
    r"DirAccess|FileAccess|ResourceLoader|change_scene\w*)\b|\bload\((?!root\.scene_file_path\)|file\)|_[A-Z_]+\)|_SCRIPTS\[type\]\))"
)
# Scripts that are loaded when they are needed: each constant is the path of one, or a dictionary of paths.
LOADED = re.compile(r"\bload\((_[A-Z_]+)")
OWN_SCRIPT = re.compile(r'"res://addons/godot_marl/([\w/]+\.gd)"')
# A name in a variable is that of one of these methods: no name from the wire gets there.
KNOWN_VARIABLES = {"method", "_METHOD", "_SIZE", "COUNT", ""}


def addon_scripts() -> Iterator[tuple[str, str]]:
    # The plugin runs in the editor alone, where there is no connection.
    for path in ADDON.rglob("marl_*.gd"):
        code = re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        yield path.name, code


def test_the_addon_calls_methods_by_no_name_from_the_wire() -> None:
    seen = 0
    for name, code in addon_scripts():
        for how, what in BY_NAME.findall(code):
            seen += 1
            assert how in ("call", "set"), f"{name}: {how}({what}"
            assert re.fullmatch(r'"\w+"', what) or what in KNOWN_VARIABLES, f"{name}: {how}({what}"
        # What those variables hold: constants, and literals in the calls of the functions that call `method`.
        for literal in re.findall(r"const (?:_METHOD|_SIZE|COUNT) :?= (.*)", code):
            assert re.fullmatch(r'&?"\w+"', literal), f"{name}: {literal}"
        for function, before, body in re.findall(r"func (\w+)\((.*)\bmethod: String(.*(?:\n[\t\n].*)*)", code):
            if ".call(method" not in body:
                continue
            calls = re.findall(rf"(?<!func )\b{function}\(([^)]*)\)", code)
            assert calls, f"{name}: {function} is not called"
            for arguments in calls:
                argument = arguments.split(",")[before.count(",")].strip()
                assert re.fullmatch(r'"\w+"', argument), f"{name}: {function}({arguments})"
    assert seen > 20


def test_the_addon_evaluates_nothing_and_opens_no_file_but_its_scene_and_certificate() -> None:
    scripts = list(addon_scripts())
    assert len(scripts) > 30
    for name, code in scripts:
        assert not (found := EVALUATES.search(code)), f"{name}: {found}"


def test_the_addon_loads_no_script_but_its_own() -> None:
    seen = 0
    for name, code in addon_scripts():
        for constant in LOADED.findall(code):
            value = re.search(rf"^const {constant}\b[^\n]*?= (\{{\n(?:\t[^\n]*\n)*\}}|[^\n]*)$", code, re.MULTILINE)
            assert value, f"{name}: {constant} is not a constant of this script"
            scripts = OWN_SCRIPT.findall(value[1])
            assert len(scripts) == max(1, value[1].count("\n") - 1), f"{name}: {value[0]}"
            assert all((ADDON / script).is_file() for script in scripts), f"{name}: {value[0]}"
            seen += 1
    assert seen > 5
