"""The suites that others wrote: what passes today does not fail tomorrow, and why the rest does."""

import sys
from pathlib import Path

from data_folder import data_folder

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

from conformance import fhirpath, sql_on_fhir


def test_every_shareable_test_of_sql_on_fhir_passes() -> None:
    suite = sql_on_fhir.run(data_folder("sql-on-fhir-v2-tests").parent)

    assert [case.name for case in suite.not_passed if case.group == "shareable"] == []
    assert sum(case.group == "shareable" for case in suite.cases) >= 85
    assert suite.unexplained == ()


def test_the_official_fhirpath_tests_that_pass_do_not_become_fewer() -> None:
    suite = fhirpath.run(data_folder("fhirpath-r4-tests").parent)

    assert suite.count("pass") >= 566
    assert suite.count("not_run") == 0
    assert suite.unexplained == ()
