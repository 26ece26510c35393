"""The pages that are generated say what the code says now."""

import pytest

from house import ROOT, a_copy_of_the_house, make

PAGES = [
    "docs/reference/cli.md",
    "docs/reference/bedside.schema.json",
    "docs/reference/source.schema.json",
    "docs/reference/policies.md",
]


def test_the_generated_pages_are_fresh():
    checked = make(ROOT, "check-docs")

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("page", PAGES)
def test_a_stale_page_is_caught_and_named(tmp_path, page):
    copy = a_copy_of_the_house(tmp_path)
    (copy / page).write_text((copy / page).read_text().replace("edside", "edsides", 1))

    checked = make(copy, "check-docs")

    assert checked.returncode != 0
    assert f"{page} is stale. Fix: run 'make docs'" in checked.stdout


def test_make_docs_writes_what_make_check_accepts(tmp_path):
    copy = a_copy_of_the_house(tmp_path)
    for page in PAGES:
        (copy / page).unlink()

    written = make(copy, "docs")
    checked = make(copy, "check-docs")

    assert written.returncode == 0, written.stderr
    assert checked.returncode == 0, checked.stdout
    assert all((copy / page).read_bytes() == (ROOT / page).read_bytes() for page in PAGES)
