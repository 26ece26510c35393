"""The cases of HL7's validator and the examples of the specification, judged by our checks."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bedside.core.errors import Invalid
from bedside.interop.cds_hooks.request import check_context, read_call
from bedside.interop.fhir.orders import read_drafts
from data_folder import data_folder

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "tools"))

from conformance import cds_hooks
from conformance.suite import members


def test_the_cases_and_examples_that_pass_do_not_become_fewer() -> None:
    verdicts, errors, examples = cds_hooks.run(data_folder("cds-hooks-cases").parent)

    assert (len(verdicts.cases), len(errors.cases), len(examples.cases)) == (13, 25, 29)
    assert verdicts.count("pass") >= 11
    assert errors.count("pass") >= 19
    assert examples.count("pass") >= 10
    assert [one.unexplained for one in (verdicts, errors, examples)] == [(), (), ()]


def requests() -> list[tuple[str, bool]]:
    names = {
        "cases/cdshooks-request-pv-good.json": True,
        "cases/cdshooks/cdshooks-request-order-sign-good.json": True,
        "cases/cdshooks/cdshooks-request-order-select-good.json": True,
        "cases/cdshooks/cdshooks-request-order-sign-bad-1.json": False,
        "cases/cdshooks/cdshooks-request-order-select-bad.json": False,
        "cases/cdshooks/cdshooks-request-order-select-extensions.json": False,
    }
    return list(names.items())


@pytest.mark.parametrize(("name", "good"), requests())
def test_the_server_reads_the_good_requests_and_refuses_the_bad_ones(name, good):
    content = members(data_folder("cds-hooks-cases"))[name]

    def read() -> None:
        call = read_call(content, hook=json.loads(content)["hook"])
        check_context(call)
        if call.draft_orders is not None:
            drafts = read_drafts(
                call.draft_orders,
                "context.draftOrders",
                asked={"RXNORM//1298088"},
                as_of=datetime(2026, 3, 1, tzinfo=UTC),
                subject=(call.patient_id, 7),
            )
            assert drafts.orders == 1
            assert set(call.selections) <= drafts.names

    if good:
        read()
    else:
        with pytest.raises(Invalid):
            read()
