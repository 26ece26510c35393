"""The pages that are generated say what the code says now."""

import subprocess
import sys
from pathlib import Path

import pytest

from house import ROOT, a_copy_of_the_house, make

PAGES = {
    "docs/reference/cli.md": "cli_reference",
    "docs/reference/bedside.schema.json": "declaration_schema",
    "docs/reference/source.schema.json": "declaration_schema",
    "docs/reference/policies.md": "policy_page",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_copy_of_the_house(tmp_path_factory.mktemp("house"))


def test_make_docs_writes_the_pages_that_are_there_and_make_check_accepts_them(copy):
    for page in PAGES:
        (copy / page).unlink()

    written = make(copy, "docs")
    checked = make(copy, "check-docs")

    assert written.returncode == 0, written.stderr
    assert checked.returncode == 0, checked.stdout
    stale = [page for page in PAGES if (copy / page).read_bytes() != (ROOT / page).read_bytes()]
    assert stale == [], "run 'make docs', and keep what it writes"


@pytest.mark.parametrize("page", PAGES)
def test_a_stale_page_is_caught_and_named(copy, page):
    fresh = (ROOT / page).read_text()
    (copy / page).write_text(fresh.replace("edside", "edsides", 1))

    checked = subprocess.run(
        [sys.executable, f"tools/{PAGES[page]}.py", "--check"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    (copy / page).write_text(fresh)

    assert checked.returncode != 0
    assert f"{page} is stale. Fix: run 'make docs'" in checked.stdout
    assert f"{PAGES[page]}.py --check" in (ROOT / "Makefile").read_text()
