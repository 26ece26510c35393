"""Who refused is not in the next build; the flow counts them and the ledger names nobody."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bedside.core.errors import Refused
from bedside.core.records.consent import Provision, said_of
from bedside.core.records.ledger import Actor
from bedside.core.records.purpose import Purpose
from bedside.lifecycle.asking import flow_of
from bedside.lifecycle.consents import record_consent, withdraw_consent
from bedside.lifecycle.package import load_declaration
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

NOW = datetime.now(UTC)
DIAGNOSIS = Path(__file__).parents[3] / "usecases" / "diagnosis"
RESEARCH = frozenset({Purpose.HRESCH})


@pytest.fixture
def platform(tmp_path):
    actor = actor_of("user:ada", "model development")
    return open_workspace(tmp_path / "w", actor=actor, progress=LineProgress())


def asked(platform, purpose="model development", mode=None):
    declaration, _ = load_declaration(DIAGNOSIS)
    if mode is not None:
        declaration = replace(declaration, data=replace(declaration.data, release_mode=mode))
    here = replace(platform, actor=Actor(name="user:ada", purpose=purpose))
    return flow_of(here, declaration, None)


def some_identifiers(count):
    from bedside.lifecycle.cohort import received_file  # noqa: PLC0415

    declaration, _ = load_declaration(DIAGNOSIS)
    table = received_file(declaration, None).table
    return [str(one) for one in table[declaration.data.subject].unique().sort()[:count]]


def test_whoever_withdraws_is_not_in_the_next_cohort_and_the_flow_counts_them(platform):
    before, flow = asked(platform)
    gone = some_identifiers(12)

    for identifier in gone:
        record_consent(platform, identifier, Provision(kind="permit"))
    permitted, _ = asked(platform)
    for identifier in gone:
        withdraw_consent(platform, identifier)
    after, steps = asked(platform)

    assert before.equals(permitted)
    assert "consent" not in [one.name for one in flow]
    assert before["subject_id"].n_unique() - after["subject_id"].n_unique() == 12
    assert steps[-1].name == "consent"
    assert steps[-2].subjects - steps[-1].subjects == 12
    told = [one for one in platform.ledger.entries() if one.action.startswith("consent.")]
    assert [one.action for one in told] == ["consent.record"] * 12 + ["consent.withdraw"] * 12
    assert not any(identifier in json.dumps(one.details) for one in told for identifier in gone)


def test_a_refusal_counts_for_its_purpose_alone(platform):
    (somebody,) = some_identifiers(1)
    record_consent(platform, somebody, Provision(kind="deny", purposes=RESEARCH))

    development, _ = asked(platform)
    research, _ = asked(platform, "research")

    assert development["subject_id"].n_unique() - research["subject_id"].n_unique() == 1


def test_research_on_identified_data_asks_for_a_permit_and_has_nobody_else(platform):
    for identifier in (permits := some_identifiers(60)):
        record_consent(platform, identifier, Provision(kind="permit", purposes=RESEARCH))

    rows, flow = asked(platform, "research", "identified")

    assert rows["subject_id"].n_unique() == len(permits)
    assert flow[-1].text == "who permit this use"


def test_identified_data_are_refused_for_marketing(platform):
    with pytest.raises(Refused, match="marketing"):
        asked(platform, "marketing", "identified")


def test_the_identifier_is_nowhere_in_the_database(platform):
    record_consent(platform, "Zebulon-Quagga-77", Provision(kind="deny"))

    assert [name for name, _ in platform.consents.identified()] == ["Zebulon-Quagga-77"]
    files = [path.read_bytes() for path in platform.folder.rglob("*") if path.is_file()]
    assert not any(b"Zebulon" in content for content in files)


def test_the_last_word_that_covers_the_purpose_counts():
    yesterday, day = NOW - timedelta(days=1), timedelta(days=1)
    permit = Provision(kind="permit", starts=NOW - 9 * day, ends=NOW + day)
    no_research = Provision(kind="deny", purposes=RESEARCH)
    told = [(yesterday - day, permit), (yesterday, no_research)]

    assert said_of(told, Purpose.HRESCH, NOW) == "deny"
    assert said_of(told, Purpose.SYSDEV, NOW) == "permit"
    assert said_of(told, Purpose.SYSDEV, NOW + day) is None
    assert said_of(told, Purpose.HRESCH, yesterday - day) == "permit"
    assert said_of([(NOW, permit), (NOW, no_research)], Purpose.HRESCH, NOW) == "deny"
    assert said_of([(NOW, Provision(kind="deny", purposes=frozenset({Purpose.HOPERAT})))],
                   Purpose.SYSDEV, NOW) == "deny"  # fmt: skip
