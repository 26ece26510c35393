"""An index and a report are believed when the right key signed them, and say nothing that hurts."""

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import BedsideError, Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.site import Index, Offered
from bedside.core.records.site_report import (
    Bin,
    Figure,
    Group,
    LocalFigures,
    SiteReport,
    ToldGate,
    ToldVersion,
)
from bedside.deploy.sites.index import FORM, read_index, write_index
from bedside.deploy.sites.report import opened_report, report_of, write_report
from bedside.deploy.sites.signed import write_signed
from bedside.infra.keys.ed25519 import Ed25519Signer, Ed25519Verifier, public_pem

HUB, STRANGER = Ed25519Signer(bytes(32)), Ed25519Signer(bytes([7] * 32))
NOW = datetime(2026, 3, 2, tzinfo=UTC)
LINE = Offered(
    version="sepsis@0123456789ab",
    stage="live",
    sequence=4,
    expires_at="2026-04-01T00:00:00Z",
    file="sepsis-000004.packet",
    size=10,
    sha256="ab" * 32,
)
INDEX = Index(
    sequence=4,
    issued_at="2026-03-01T00:00:00Z",
    expires_at="2026-04-01T00:00:00Z",
    offers=(LINE,),
)
SIGNED = write_index(INDEX, HUB, "aa")
AUROC = Figure(estimate=0.8, low=0.7, high=0.9)
LOCAL = LocalFigures(
    outcome="binary",
    subjects=300,
    with_outcome=100,
    figures={"auroc": AUROC},
    hidden=("sensitivity",),
    calibration=(Bin(subjects=150, predicted=0.2, observed=0.2),),
    subgroups={
        "sex": {
            "female": Group(subjects=100, with_outcome=40, figures={"auroc": AUROC}),
            "male": Group(subjects=None, with_outcome=None, figures={}),
            "unknown": Group(subjects=None, with_outcome=None, figures={}),
        }
    },
)
VERSION = ToldVersion(
    version="sepsis@0123456789ab",
    bundle="cd" * 32,
    origin="sepsis@0123456789ab",
    stage="silent",
    validated_at="2026-03-01T00:00:00Z",
    passed=True,
    validations=1,
    gates=(
        ToldGate(
            metric="auroc", subgroup=None, bound="low", at_least=0.7, at_most=None, passed=True
        ),
    ),
    local=LOCAL,
    answers={"score": 400, "failure": None, "abstention": None},
)
REPORT = SiteReport(sequence=1, made_at="2026-03-01T00:00:00Z", versions=(VERSION,))
WRITTEN = write_report(REPORT, HUB, "aa")


def refused(content=SIGNED, hub=HUB, now=NOW, after=0):
    with pytest.raises(Refused) as caught:
        read_index(content, hub, now=now, after=after)
    return caught.value.code


def read_report(content, key=HUB):
    return report_of(opened_report(content), key)


def test_what_was_written_comes_out_the_same():
    assert read_index(SIGNED, HUB, now=NOW, after=4) == INDEX
    assert read_report(WRITTEN) == REPORT
    public = Ed25519Verifier.from_pem(public_pem(HUB.public_key_bytes))
    assert read_report(WRITTEN, public) == REPORT


def test_an_index_of_another_key_an_older_one_and_a_stale_one_are_refused():
    assert refused(hub=STRANGER) == "bad_signature"
    assert refused(after=5) == "index_older"
    assert refused(now=NOW + timedelta(days=30)) == "index_expired"
    assert refused(now=NOW - timedelta(days=2)) == "index_early"


@pytest.mark.parametrize(
    "file", ["../sepsis-000004.packet", "/etc/passwd", "a/b-000004.packet", "x.packet", ""]
)
def test_an_index_names_no_file_but_a_packet_beside_it(file):
    bent = replace(INDEX, offers=(replace(LINE, file=file),))

    assert refused(write_index(bent, HUB, "aa")) == "statement_unreadable"


def test_a_signature_of_one_kind_of_statement_is_none_of_another():
    told = json.loads(write_signed("bedside-site-report/1", asdict(INDEX), HUB, "aa"))
    told["form"] = FORM

    assert refused(canonical_json(told)) == "bad_signature"


@pytest.mark.parametrize("content", [SIGNED, WRITTEN])
@given(data=st.data())
def test_no_changed_byte_is_believed(content, data):
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    read = read_report if content == WRITTEN else lambda c: read_index(c, HUB, now=NOW, after=0)
    named = content.index(b'"key":"aa"') + len(b'"key":"')
    if named <= at < named + 2:  # by which key it says to be signed is not itself signed
        return

    with pytest.raises(Refused):
        read(bytes(changed))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*asdict(REPORT), *asdict(INDEX), "x"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_a_trusted_key_signed_is_read_or_refused_in_our_words(statement):
    for form, read in (
        (FORM, lambda c: read_index(c, HUB, now=NOW, after=0)),
        ("bedside-site-report/1", read_report),
    ):
        with pytest.raises(BedsideError):
            read(write_signed(form, statement, HUB, "aa"))


@given(st.binary(max_size=200) | st.sampled_from([b"[" * 5000, b'{"form":', b"null", b"NaN"]))
def test_whatever_a_stranger_sends_is_refused_in_our_words(content):
    for read in (read_report, lambda c: read_index(c, HUB, now=NOW, after=0)):
        with pytest.raises(Refused) as caught:
            read(content)
        assert caught.value.code == "statement_unreadable"


MALE_OF_FEW = {**LOCAL.subgroups["sex"], "male": Group(subjects=8, with_outcome=4, figures={})}
BY_SUBTRACTION = {
    "female": Group(subjects=293, with_outcome=95, figures={}),
    "male": Group(subjects=None, with_outcome=None, figures={}),
}


@pytest.mark.parametrize(
    "local",
    [
        replace(LOCAL, with_outcome=7),
        replace(LOCAL, with_outcome=295),
        replace(LOCAL, with_outcome=None),
        replace(LOCAL, subgroups={"sex": MALE_OF_FEW}),
        replace(LOCAL, subgroups={"sex": BY_SUBTRACTION}),
        replace(LOCAL, calibration=(Bin(subjects=9, predicted=0.1, observed=0.2),)),
    ],
)
def test_a_small_cell_is_neither_written_nor_received(local):
    bent = replace(REPORT, versions=(replace(VERSION, local=local),))

    with pytest.raises(Refused) as caught:
        write_report(bent, HUB, "aa")
    assert caught.value.code == "small_cell"
    with pytest.raises(Refused) as caught:
        read_report(write_signed("bedside-site-report/1", asdict(bent), HUB, "aa"))
    assert caught.value.code == "small_cell"


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "everywhere"},
        {"passed": False},
        {"validations": 0},
        {"local": None},
        {"version": "x"},
        {"answers": {"score": -5}},
        {"answers": {"<script>" * 100: 50}},
    ],
)
def test_a_report_that_is_none_is_refused(change):
    bent = replace(REPORT, versions=(replace(VERSION, **change),))

    with pytest.raises(Refused) as caught:
        read_report(write_signed("bedside-site-report/1", asdict(bent), HUB, "aa"))
    assert caught.value.code == "statement_unreadable"


def test_what_a_report_has_no_place_for_is_refused():
    told = asdict(REPORT)
    told["versions"][0]["local"]["patients"] = ["Ada Example"]

    with pytest.raises(Refused) as caught:
        read_report(write_signed("bedside-site-report/1", told, HUB, "aa"))
    assert caught.value.code == "statement_unreadable"


@pytest.mark.parametrize("content", [b"", b"not PEM", HUB.public_key_bytes])
def test_what_is_no_public_key_is_refused(content):
    with pytest.raises(Invalid):
        Ed25519Verifier.from_pem(content)
