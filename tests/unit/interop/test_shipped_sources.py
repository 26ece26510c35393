"""Every declaration of a source that ships can be read, and an editor's schema accepts it."""

import re

import msgspec
import pytest
import yaml
from jsonschema import Draft202012Validator

from bedside.core.errors import Invalid
from bedside.data.collect.formats.registry import reader_of
from bedside.interop.collection import read_collection
from bedside.interop.declaration.schema import source_schema
from house import ROOT

FILES = sorted((ROOT / "src/bedside/usecases/sources").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_source_is_right_and_bears_its_own_name(file):
    source = read_collection(file.read_bytes(), file=file.name)

    assert source.name == file.stem
    assert source.files
    assert Draft202012Validator(source_schema()).is_valid(yaml.safe_load(file.read_text()))
    if source.format != "table":
        kinds = reader_of(source.format).kinds
        assert set(source.known_at) <= kinds, "a rule for a kind that the format never gives"


WRONG = {
    "zone": ("timezone: Mars/Olympus", "timezone: 'Mars/Olympus' is not an IANA zone"),
    "folder": ("files: ['../x.csv']", "files.0: a pattern leads out of the folder"),
    "delay": ("known_at: {a: {after: soon}}", "known_at.a.after: 'soon' is not a duration"),
    "code": ("codes: {glu: LOINC//2345-7}", "codes.glu: 'glu' is not a code"),
    "share": ("quarantine: {at_most: 2}", "quarantine.at_most: a share lies between 0 and 1"),
    "key": ("timezon: UTC", "unknown key 'timezon'. Fix: write 'timezone'"),
    "server": ("server: {base_url: 'https://x.example'}", "this FHIR server"),
    "database": ("database: true", "only the format 'omop' has a database"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_names_its_line_and_the_fix(name):
    more, expected = WRONG[name]
    text = (
        "bedside: 1\nname: ward\ntitle: t\nformat: meds\nlicence: none\n"
        f"release_mode: identified\nknown_at: {{}}\n{more}\n"
    )
    if name == "delay":
        text = text.replace("known_at: {}\n", "")

    with pytest.raises(Invalid) as refused:
        read_collection(text.encode())

    assert expected in str(refused.value)
    if name != "server":
        assert re.search(r"source\.yaml line \d", str(refused.value))


def test_a_declaration_survives_json():
    source = read_collection(FILES[0].read_bytes())

    assert msgspec.convert(msgspec.to_builtins(source), type(source)) == source
