"""Gaps of documents are filled by people: as their statement, of one version, never as shown."""

import json
import shutil
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from bedside.cli.documents_words import blank_yaml
from bedside.cli.main import app
from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.policy import Role
from bedside.governance.documents.pdf import as_pdf
from bedside.governance.documents.rendering import as_html, summary
from bedside.governance.documents.stated import Statements, with_statements
from bedside.interop.statement_file import read_statement_file
from bedside.lifecycle.documents import write_documents
from bedside.lifecycle.documents_made import made_of
from bedside.lifecycle.documents_statements import (
    Said,
    bound_of,
    open_items,
    state_all,
    statements_in,
    take_back,
)
from bedside.lifecycle.people import grant_role
from bedside.wiring.documents import around_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from deciding import acting
from live_ward import a_built_workspace

ADA = "Dr Ada <b>Example</b>, clinical lead"
FUNDS = "The hospital's own funds\n& nobody else's."


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return a_built_workspace(tmp_path_factory.mktemp("built") / "w")


@pytest.fixture
def platform(built, tmp_path):
    shutil.copytree(built, tmp_path / "w")
    actor = actor_of("user:ada", "governance")
    return open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())


@pytest.fixture
def version(platform):
    return platform.registry.get("diagnosis")


def stated(platform, field="hti1.2", text=FUNDS, by=ADA):
    return state_all(platform, "diagnosis", [Said(field=field, text=text, by=by)])[0]


def document(platform, version, name="hti1"):
    made = made_of(platform, version, statements_in(platform))
    return next(one for one in made.documents if one.name == name)


def item_of(document, name):
    return next(one for one in document.items if one.name == name)


def test_a_statement_closes_a_gap_and_stands_in_every_form_as_a_persons(platform, version):
    before = document(platform, version)
    told = stated(platform)
    stated(platform, "chai.TrustIngredients/TransparencyInformation/FundingSource")
    after = document(platform, version)

    item = item_of(after, "2")
    assert (item_of(before, "2").state, item.state) == ("gap", "stated")
    assert (item.lines, item.said.text) == ((), FUNDS)  # no line: it is no evidence
    assert len(after.gaps) == len(before.gaps) - 1
    assert "1 stated by people" in summary(after)
    page = as_html(after)
    assert "Dr Ada &lt;b&gt;Example&lt;/b&gt;, clinical lead, written down by user:ada" in page
    assert "A person's statement, not evidence" in page
    assert f"entry {told.entry})" in page

    files = made_of(platform, version, statements_in(platform)).files
    (xml,) = [content.decode() for name, content in files.items() if name.endswith(".xml")]
    assert "not shown by evidence: The hospital's own funds" in xml
    (card,) = [json.loads(c) for n, c in files.items() if n.startswith("chai-") and "json" in n]
    assert not [one for one in card["gaps"] if one["item"].endswith("/FundingSource")]
    paper = as_pdf(after, made_at=parse_instant(version.built_at))
    assert len(paper) != len(as_pdf(before, made_at=parse_instant(version.built_at)))


def test_what_only_evidence_can_show_no_words_close(platform, version):
    before = document(platform, version, "model_card")
    stated(platform, "model_card.external validation", text="It did well elsewhere.")
    after = document(platform, version, "model_card")

    assert [item.name for item in after.gaps] == [item.name for item in before.gaps]
    assert summary(after) == summary(before)
    page = as_html(after)
    assert "Not shown: judge it on patients of another source" in page
    assert "It did well elsewhere." in page


def test_what_is_stated_is_sealed_and_who_wrote_it_down_is_known(platform):
    stated(platform)

    entry = list(platform.ledger.entries())[-1]
    assert (entry.action, entry.actor) == ("document.state", "user:ada")
    assert "funds" not in str(entry.details)
    assert "Ada" not in str(entry.details)
    kept = b"".join(path.read_bytes() for path in platform.folder.rglob("*") if path.is_file())
    assert b"hospital's own funds" not in kept


def test_of_another_version_it_is_asked_again_and_can_be_stated_again(platform, version):
    stated(platform)
    newer = replace(version, bundle="ab" * 32)

    item = item_of(document(platform, version), "2")
    about, bound = bound_of("hti1", newer)
    statements = statements_in(platform)
    assert item.said is not None
    assert statements.to("hti1", "2", about, bound) is None
    assert statements.before("hti1", "2", about, bound).text == FUNDS
    with pytest.raises(NotFound, match="earlier version"):
        state_all(platform, "diagnosis", [Said(field="hti1.8", text=None, by=ADA)])


def test_what_was_stated_before_is_shown_as_a_question(platform, version):
    stated(platform)
    made = made_of(platform, version, Statements())
    plain = next(one for one in made.documents if one.name == "hti1")
    shown = with_statements(plain, statements_in(platform), about="diagnosis", bound="cd" * 32)

    item = item_of(shown, "2")
    assert (item.state, item.said, item.before.text) == ("gap", None, FUNDS)
    page = as_html(shown)
    assert "Does it still hold?" in page
    assert "bedside documents fill MODEL hti1.2 --again" in page


def test_the_newest_counts_and_taking_it_back_leaves_the_one_before(platform, version):
    stated(platform, text="Nobody knows.")
    stated(platform)
    assert item_of(document(platform, version), "2").said.text == FUNDS

    take_back(platform, "diagnosis", Said(field="hti1.2", text=None, by=""))
    assert item_of(document(platform, version), "2").said.text == "Nobody knows."
    take_back(platform, "diagnosis", Said(field="hti1.2", text=None, by=""))
    assert item_of(document(platform, version), "2").state == "gap"
    with pytest.raises(NotFound):
        take_back(platform, "diagnosis", Said(field="hti1.2", text=None, by=""))


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Said(field="hti1.99", text="x", by=ADA), NotFound),
        (Said(field="nothing.1", text="x", by=ADA), NotFound),
        (Said(field="hti1", text="x", by=ADA), NotFound),
        (Said(field="hti1.2", text=" \n", by=ADA), Invalid),
        (Said(field="hti1.2", text="x" * 4001, by=ADA), Invalid),
        (Said(field="hti1.2", text="x", by=" "), Invalid),
        (Said(field="hti1.5", text="another use", by=ADA), Refused),  # the declaration says it
    ],
)
def test_what_cannot_be_stated_is_refused_and_nothing_of_its_file_is_kept(platform, said, error):
    with pytest.raises(error):
        state_all(platform, "diagnosis", [Said(field="hti1.2", text="x", by=ADA), said])

    assert not [one for one in platform.ledger.entries() if one.action == "document.state"]


def test_documents_about_data_days_and_the_workspace_take_statements_too(platform):
    state_all(
        platform,
        "diagnosis",
        [
            Said(field="dpia.a2", text="Public interest.", by=ADA),
            Said(field="data_sheet.1", text="To find cancers early.", by=ADA),
            Said(field="post_market.6.3", text="None.", by=ADA, since="2026-01-01",
                 until="2026-01-31"),
        ],
    )  # fmt: skip

    january = write_documents(
        platform, "diagnosis", around=around_of(platform), since="2026-01-01", until="2026-01-31"
    )
    later = write_documents(
        platform, "diagnosis", around=around_of(platform), since="2026-02-01", until="2026-02-28"
    )

    def said(done, name):
        return [
            item.said.text
            for one, _ in done.documents
            if one.name == name
            for item in one.items
            if item.said is not None
        ]

    for done in (january, later):
        assert said(done, "dpia") == ["Public interest."]
        assert set(said(done, "data_sheet")) == {"To find cancers early."}
    assert said(january, "post_market") == ["None."]
    assert said(later, "post_market") == []


def test_a_file_of_the_gaps_is_filled_and_read(platform):
    content, many = blank_yaml("diagnosis", open_items(platform, "diagnosis"))
    told = yaml.safe_load(content)
    assert len(told["answers"]) == many > 50
    assert set(told["answers"].values()) == {""}
    with pytest.raises(Invalid):
        read_statement_file(content.encode())

    filled = told | {"by": ADA, "answers": told["answers"] | {"hti1.2": FUNDS}}
    read = read_statement_file(yaml.safe_dump(filled).encode())

    assert (read.by, read.answers["hti1.2"]) == (ADA, FUNDS)


def test_auditors_read_documents_and_state_nothing(platform):
    for who, role in (("user:eve", Role.AUDITOR), ("user:ben", Role.CLINICAL_REVIEWER)):
        grant_role(platform, who, role)

    with pytest.raises(Refused) as refused:
        stated(acting(platform, "user:eve", "audit"))
    assert refused.value.code == "not_allowed"
    assert stated(acting(platform, "user:ben", "governance")).actor == "user:ben"


def test_the_command_fills_and_the_word_write_may_be_left_out(platform, tmp_path):
    at = ["--workspace", str(platform.folder), "--json"]

    def run(*words):
        done = CliRunner().invoke(app, ["documents", *words, *at])
        return done.exit_code, json.loads(done.stdout)

    code, blank = run("fill", "diagnosis", "--blank", str(tmp_path / "a.yaml"))
    assert (code, blank["gaps"] > 50) == (0, True)
    answers = yaml.safe_load((tmp_path / "a.yaml").read_text())
    answers["answers"]["hti1.2"] = FUNDS
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(answers))
    code, told = run("fill", "diagnosis", "--from", str(tmp_path / "b.yaml"), "--by", ADA)
    assert (code, [one["field"] for one in told["statements"]]) == (0, ["hti1.2"])
    assert run("fill", "diagnosis", "hti1.2", "--text", "x", "--again", "--by", ADA)[0] == 2
    assert run("fill", "diagnosis", "hti1.2", "--text", "x")[0] == 2  # nobody states it
    assert run("fill", "diagnosis", "hti1.2", "--take-back")[1]["taken_back"] is True
    _, by_default = run("diagnosis", "--since", "2026-01-01", "--until", "2026-01-02")
    assert len(by_default["documents"]) > 5
