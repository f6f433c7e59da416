"""Script errors in what Godot printed."""

from __future__ import annotations

from godot_marl.game.log_parser import bridge_error_in, script_error_in, tail_for_message

# As Godot 4.6 prints them: a parse error, and one while running.
PARSE = """Godot Engine v4.6.3.stable - https://godotengine.org

SCRIPT ERROR: Parse Error: Function "nowhere()" not found in base self.
          at: GDScript::reload (res://red.gd:12)
ERROR: Failed to load script "res://red.gd" with error "Parse error".
   at: load (modules/gdscript/gdscript.cpp:2907)
"""
RUNNING = """SCRIPT ERROR: Division by zero error in operator '/'.
   at: get_reward (res://levels (old)/blue.gd:7)
   GDScript backtrace (most recent call first):
       [0] get_reward (res://levels (old)/blue.gd:7)
"""


def test_output_without_script_error_has_none() -> None:
    assert script_error_in("") is None
    assert script_error_in("ERROR: Something else.\n   at: load (core/io.cpp:3)\n") is None
    assert script_error_in("print: SCRIPT ERROR: not at the beginning of a line\n   at: f (res://a.gd:1)\n") is None


def test_a_parse_error_is_found_with_its_place() -> None:
    error = script_error_in(PARSE)
    assert error is not None
    assert error.where == "res://red.gd:12"
    assert 'Function "nowhere()" not found' in error.what
    assert error.script_errors == (
        {
            "file": "res://red.gd",
            "line": 12,
            "function": "GDScript::reload",
            "message": 'Parse Error: Function "nowhere()" not found in base self.',
        },
    )


def test_the_path_of_a_script_may_have_brackets_and_spaces() -> None:
    error = script_error_in(RUNNING)
    assert error is not None
    assert error.script_errors == (
        {
            "file": "res://levels (old)/blue.gd",
            "line": 7,
            "function": "get_reward",
            "message": "Division by zero error in operator '/'.",
        },
    )


def test_several_errors_are_all_kept_and_the_first_is_reported() -> None:
    error = script_error_in(PARSE + RUNNING)
    assert error is not None
    assert [entry["line"] for entry in error.script_errors] == [12, 7]
    assert error.where == "res://red.gd:12"


def test_lines_of_windows_are_lines_too() -> None:
    error = script_error_in(PARSE.replace("\n", "\r\n"))
    assert error is not None
    assert error.script_errors[0]["file"] == "res://red.gd"
    assert "\r" not in str(error)


def test_an_error_while_running_names_the_function_too() -> None:
    error = script_error_in(RUNNING)
    assert error is not None
    assert error.where == "res://levels (old)/blue.gd:7, in get_reward()"


def test_the_last_complaint_of_the_bridge_is_why_it_ended_the_game() -> None:
    output = "godot-marl: one thing\nprint: godot-marl: no complaint\ngodot-marl: another thing\nbye\n"
    assert bridge_error_in(output) == "another thing"
    assert bridge_error_in("nothing to say\n") is None


def test_the_last_words_are_those_of_the_game_and_not_of_the_engine() -> None:
    output = "Godot Engine v4.6.3.stable - https://godotengine.org\n\nhello\n[3] /lib/libc.so.6(+0x3c050)\nbye\n"
    assert tail_for_message(output) == "it printed last\n    hello\n    bye"
    assert tail_for_message("\n\n") == "it printed nothing"
