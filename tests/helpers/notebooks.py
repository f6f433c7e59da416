"""Read a notebook: its cells, and the outputs that are kept in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pages import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.ipynb"


def cells(notebook: Path, kind: str = "code") -> list[dict[str, Any]]:
    return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def printed(notebook: Path) -> str:
    outputs = [output for cell in cells(notebook) for output in cell["outputs"]]
    assert not [output for output in outputs if output.get("name") == "stderr" or output["output_type"] == "error"]
    return "".join("".join(output.get("text", "")) for output in outputs)
