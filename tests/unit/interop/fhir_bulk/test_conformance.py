"""HL7's examples and the validator's cases: what is read today is read tomorrow."""

import sys
from pathlib import Path

from data_folder import data_folder

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "tools"))

from conformance import fhir_examples


def test_every_example_in_json_is_read_or_explained() -> None:
    data = data_folder("fhir-r4-examples").parent
    assert data_folder("fhir-validator-r4-cases").parent == data

    suite = fhir_examples.run(data)

    assert suite.count("pass") >= 101
    assert suite.count("fail") <= 1
    assert suite.unexplained == ()
