"""Reads the tables and the code of our own pages."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]


def blocks(page: str, language: str) -> list[str]:
    """The pieces of code in one language, from top to bottom."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(code) for _, code in found]


def table_rows(page: str, header: str) -> list[list[str]]:
    """The rows of the first table whose header line begins with these cells."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    begin = next(i for i, line in enumerate(lines) if re.sub(r"\s+", " ", line).startswith(header))
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return rows
