"""Each entry of changelog.d is one sentence, in a file whose name says which issue and kind."""

import re

import pytest

from house import ROOT

NAME = re.compile(r"\d+(?:-[a-z0-9]+)+\.(added|changed|fixed|removed|security)\.md")
ENTRIES = sorted(path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: path.name)
def test_an_entry_is_one_sentence_in_a_well_named_file(entry):
    text = entry.read_text().strip()

    assert NAME.fullmatch(entry.name)
    assert text.endswith(".")
    assert "\n" not in text
    assert not re.search(r"[.!?] [A-Z]", text)
