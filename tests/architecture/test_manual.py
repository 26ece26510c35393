"""The pages of the manual point at what exists, and the index of decisions is whole."""

import re
from pathlib import Path

import pytest

from house import ROOT

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changelog.d").glob("README.md")]
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path):
    targets = LINK.findall(page.read_text())

    dead = [target for target in targets if not (page.parent / target).exists()]

    assert dead == []


def test_every_decision_is_in_the_index_and_has_its_four_parts():
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()

    pages = sorted(folder.glob("[0-9]*.md"))

    assert len(pages) >= 5
    for page in pages:
        text = page.read_text()
        assert page.name in index
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
            "Context", "Decision", "Consequences", "When to look again",
        ], page.name  # fmt: skip


def test_the_folders_that_where_md_names_exist():
    rows = (ROOT / "docs" / "where.md").read_text().splitlines()
    cells = [row.split("|")[2] for row in rows if row.startswith("| ") and "I want to" not in row]
    named = {name for cell in cells for name in re.findall(r"`([\w./]+/[\w./]*)`", cell)}

    missing = sorted(
        name
        for name in named
        if not (ROOT / "src" / "bedside" / name).exists() and not (ROOT / name).exists()
    )

    assert len(named) > 30
    assert missing == []


def test_where_md_names_every_part_of_the_house():
    table = (ROOT / "docs" / "where.md").read_text()

    parts = [path.name for path in (ROOT / "src" / "bedside").iterdir() if path.is_dir()]

    assert [
        part for part in sorted(parts) if part != "__pycache__" and f"`{part}/" not in table
    ] == []
