"""What surrounds the code is sound: links, the Makefile's targets, hooks, the workflow and the issue forms."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from pages import ROOT

PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for pattern in ("*.md", ".github/*.md", "*/*.md", "docs/examples/*.md", "envs/*/*.md", "tests/golden/*.md")
    for page in ROOT.glob(pattern)
    if ".venv" not in page.parts[-2]
)


def prose(page: Path) -> str:
    """The page without its pieces of code."""
    return re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What GitHub calls the page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_of_a_page_lead_somewhere(name: str) -> None:
    page = ROOT / name
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", prose(page))):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / unquote(path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_pages_of_contributors_are_among_those_whose_links_are_followed() -> None:
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "findings/README.md"} <= set(PAGES)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").glob("*.md")}
    assert [page for page in pages if f"({page})" not in readme] == []


# -- The Makefile ------------------------------------------------------------------------------------------------------


def makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")


def test_help_lists_each_target_that_people_call_and_is_what_plain_make_does() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile(), re.MULTILINE)
    shown = [
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for command in (["make", "help"], ["make"])
    ]
    assert re.findall(r"^  make ([\w-]+) +\S", shown[0], re.MULTILINE) == [
        target for target in phony.split() if target not in {"display", "godot3"}
    ]
    assert shown[0] == shown[1]


def test_hooks_before_a_commit_are_the_parts_of_make_lint() -> None:
    (parts,) = re.findall(r"^lint: ([\w -]+?) +##", makefile(), re.MULTILINE)
    (repository,) = load(".pre-commit-config.yaml")["repos"]
    assert [hook["id"] for hook in repository["hooks"]] == parts.split()
    for hook in repository["hooks"]:
        assert (hook["entry"], hook["language"], hook["pass_filenames"]) == (f"make {hook['id']}", "system", False)
        re.compile(hook["files"])


# -- .github -----------------------------------------------------------------------------------------------------------


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_workflow_runs_everything_with_few_rights() -> None:
    workflow = load(".github/workflows/ci.yml")
    assert workflow["permissions"] == {"contents": "read"}
    (job,) = workflow["jobs"].values()
    assert job["steps"][-1]["run"] == ".ci/run"
    assert job["timeout-minutes"] == 90
    actions = [step["uses"] for step in job["steps"] if "uses" in step]
    assert [action for action in actions if not re.fullmatch(r"actions/\w+@v\d+", action)] == []


@pytest.mark.parametrize("form", ["bug_report", "feature_request"])
def test_issue_forms_have_what_github_wants(form: str) -> None:
    content = load(f".github/ISSUE_TEMPLATE/{form}.yml")
    assert content.keys() <= {"name", "description", "labels", "body"}
    fields = [element for element in content["body"] if element["type"] != "markdown"]
    assert {element["type"] for element in fields} <= {"textarea", "dropdown", "checkboxes", "input"}
    assert all(element["attributes"]["label"] for element in fields)
    identities = [element["id"] for element in fields]
    assert len(set(identities)) == len(identities)


def test_bug_report_asks_for_the_doctor_a_scene_and_what_was_expected_and_got() -> None:
    fields = {element.get("id"): element for element in load(".github/ISSUE_TEMPLATE/bug_report.yml")["body"]}
    for name in ("doctor", "scene", "expected", "got"):
        assert fields[name]["validations"]["required"] is True, name
    assert "godot-marl doctor --json" in fields["doctor"]["attributes"]["label"]
