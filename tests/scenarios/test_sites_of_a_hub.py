"""One hub, two hospitals: pulled over TLS or by file, validated there, released, told of."""

import json
import shutil

import polars as pl
import pytest

from a_hub import a_heart_model, collected, hospital, opened, over_tls, trusting
from bedside.core.errors import BedsideError, Refused
from bedside.core.records.version import Approval, Stage
from bedside.data.collect.bundled import breast_cancer
from bedside.deploy.sites.index import INDEX
from bedside.lifecycle.build import build
from bedside.lifecycle.recalibrating import recalibrate
from bedside.lifecycle.release import approve, release
from bedside.lifecycle.site_onboarding import onboard
from bedside.lifecycle.site_overview import overview
from bedside.lifecycle.site_reporting import receive, report
from bedside.lifecycle.site_trust import trust
from bedside.lifecycle.site_validating import validate_here
from bedside.lifecycle.sites import publish
from bedside.usecases import folder_of
from bedside.wiring.sites import pull_file, pull_hub, site_signer, verifier_of
from bedside.wiring.sources import collect_for

pytestmark = pytest.mark.xdist_group("sites_of_a_hub")  # its fixtures are made once


def code_of(do, *arguments, **options):
    with pytest.raises(BedsideError) as caught:
        do(*arguments, **options)
    return caught.value.code


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with an approved model of Cleveland's patients, and the folder that it serves."""
    folder = tmp_path_factory.mktemp("hub")
    model, data = a_heart_model(folder / "model"), hospital(folder / "data", "cleveland")
    platform = opened(folder / "w")
    version = build(platform, model, collect_for(platform, model, data)).version
    approve(platform, version.id, name="Dr Ada Example", meaning="fit for sites")
    signer, mark = site_signer(platform)
    publish(platform, version.id, folder / "served", signer=signer, mark=mark)
    return platform, version.id, folder / "served"


@pytest.fixture(scope="module")
def budapest(hub, tmp_path_factory):
    """Budapest, which took the version in over TLS and has not looked at it yet."""
    folder = tmp_path_factory.mktemp("budapest")
    site = opened(folder / "w")
    with over_tls(hub[2], folder) as (url, authority):
        trusting(site, "heart", hub[0], folder, url=url, certificates=str(authority))
        _, taken = pull_hub(site, None, None)
        assert pull_hub(site, "heart", None)[1] == ()
    assert [one.id for one in taken] == [hub[1]]
    return site, hospital(folder / "data", "budapest")


def test_a_pulled_version_is_released_once_it_passed_on_the_sites_own_patients(hub, budapest):
    platform, version, _ = hub
    site, data = budapest
    yes = {"name": "Dr Bo Example", "meaning": "fit for us"}

    assert code_of(approve, site, version, **yes) == "not_validated_here"
    done = validate_here(site, version, collected(site, version, data))
    assert [gate.passed for gate in done.gates] == [True, False]
    assert code_of(approve, site, version, **yes) == "local_gates_failed"
    with pytest.raises(Refused):
        release(site, version, Stage.SILENT)

    local = recalibrate(site, version, data).version.id
    assert code_of(approve, site, local, **yes) == "not_validated_here"
    again = validate_here(site, local, data)
    assert (again.passed, again.out_of_fold) == (True, True)
    approve(site, local, **yes)
    assert release(site, local, Stage.SILENT).stage is Stage.SILENT

    made = report(site, *site_signer(site))
    assert code_of(receive, platform, made.file, verifier_of) == "unknown_site"
    trusting(platform, "budapest", site, made.file.parent, role="site")
    received = receive(platform, made.file, verifier_of)
    assert received.report == made.report
    assert code_of(receive, platform, made.file, verifier_of) == "report_older"
    (told,) = overview(platform, verifier_of)["sites"]
    assert [(one["version"], one["passed"]) for one in told["report"]["versions"]] == [
        (version, False),
        (local, True),
    ]
    assert overview(site, verifier_of)["hubs"][0]["offers"][0]["taken"]
    page = made.page.read_text()
    assert "294 patients" in page
    assert [one.validations for one in made.report.versions] == [1, 1]
    assert "<script" not in page
    assert site.ledger.verify() == []


def test_an_approval_that_only_the_registry_knows_does_not_release_a_pulled_version(hub, tmp_path):
    site = opened(tmp_path / "w")
    trusting(site, "heart", hub[0], tmp_path)
    (packet,) = hub[2].glob("*.packet")
    _, (taken,) = pull_file(site, packet)
    site.registry.record_approval(
        Approval(version=taken.id, name="x", actor="x", meaning="x", approved_at="2026-01-01")
    )

    assert code_of(release, site, taken.id, Stage.SILENT) == "not_validated_here"
    assert code_of(release, site, taken.id, Stage.SILENT, without_evidence="in a hurry") == (
        "not_validated_here"
    )
    last = list(site.ledger.entries())[-1]
    assert (last.action, last.details["code"]) == ("release.refused", "not_validated_here")


def test_an_air_gapped_site_takes_a_file_of_the_hub_it_trusts_alone(hub, tmp_path):
    (packet,) = hub[2].glob("*.packet")
    site, stranger = opened(tmp_path / "w"), opened(tmp_path / "stranger")

    assert code_of(pull_file, site, packet) == "not_found"
    trusting(site, "stranger", stranger, tmp_path)
    assert code_of(pull_file, site, packet) == "bad_signature"
    trusting(site, "heart", hub[0], tmp_path)
    assert pull_file(site, packet)[1][0].id == hub[1]
    assert code_of(pull_file, site, packet) == "packet_older"
    assert code_of(trusting, site, "heart", hub[0], tmp_path, role="site", url="x") == "invalid"


def test_a_hub_that_is_rolled_back_changed_or_not_itself_is_not_believed(hub, tmp_path):
    platform, version, served = hub
    signer, mark = site_signer(platform)
    place = tmp_path / "served"
    shutil.copytree(served, place)
    old = (place / INDEX).read_bytes()
    site = opened(tmp_path / "w")
    trusting(site, "heart", platform, tmp_path, url=str(place))

    publish(platform, version, place, signer=signer, mark=mark)
    new = (place / INDEX).read_bytes()
    named = json.loads(new)["statement"]["offers"][0]["file"]
    packet = (place / named).read_bytes()
    (place / named).write_bytes(packet[:-1] + bytes([packet[-1] ^ 1]))
    assert code_of(pull_hub, site, None, None) == "packet_tampered"
    assert site.registry.versions() == []
    (place / INDEX).write_bytes(old)
    assert code_of(pull_hub, site, None, None) == "index_older"
    (place / INDEX).write_bytes(new.replace(b'"live"', b'"silent"'))
    assert code_of(pull_hub, site, None, None) == "bad_signature"
    (place / INDEX).write_bytes(new)
    (place / named).write_bytes(packet)
    assert [one.id for one in pull_hub(site, None, None)[1]] == [version]


def test_a_server_without_the_right_certificate_is_not_asked(hub, tmp_path):
    site = opened(tmp_path / "w")

    with over_tls(hub[2], tmp_path) as (url, authority):
        trusting(site, "heart", hub[0], tmp_path, url=url)
        assert code_of(pull_hub, site, None, None) == "not_trusted"
        certificates = str(authority)
        trusting(site, "heart", hub[0], tmp_path, url=f"{url}/no", certificates=certificates)
        assert code_of(pull_hub, site, None, None) == "hub_file_missing"
    trusting(site, "heart", hub[0], tmp_path, url=url, certificates=certificates)
    assert code_of(pull_hub, site, None, None) == "hub_unreachable"


def test_figures_that_were_changed_after_the_validation_are_not_reported(hub, tmp_path):
    site = opened(tmp_path / "w")
    trusting(site, "heart", hub[0], tmp_path, url=str(hub[2]))
    pull_hub(site, None, None)
    data = hospital(tmp_path / "data", "budapest")
    validate_here(site, hub[1], collected(site, hub[1], data))
    (file,) = (tmp_path / "w" / "reports" / "heart_disease").glob("validation-*.json")

    file.write_bytes(file.read_bytes().replace(b'"passed":false', b'"passed":true'))

    assert code_of(report, site, *site_signer(site)) == "figures_changed"


def test_a_key_is_trusted_by_its_fingerprint_alone(hub, tmp_path):
    assert code_of(trust, hub[0], "x", bytes(32), confirmed="0" * 32) == "not_confirmed"
    assert code_of(trust, hub[0], "../x", bytes(32), confirmed="0" * 32) == "invalid"
    url = "http://example.org"
    assert code_of(trust, hub[0], "x", bytes(32), confirmed="", url=url) == "address_unfit"


def without_exercise_and_in_moles(text):
    """The table of a hospital whose feed of exercise angina is lost, and which counts in moles."""
    head, *rows = [line.split(",") for line in text.splitlines()]
    cholesterol, angina = head.index("chol"), head.index("exang")
    for row in rows:
        row[angina] = "?"
        if row[cholesterol] != "?":
            row[cholesterol] = f"{float(row[cholesterol]) / 38.67:.1f}"
    return "\n".join(",".join(row) for row in [head, *rows]) + "\n"


def without_outcomes(text):
    head, *rows = [line.split(",") for line in text.splitlines()]
    return "\n".join(",".join(row) for row in [head, *([*row[:-1], "?"] for row in rows)]) + "\n"


def test_a_new_site_is_told_whether_the_version_fits(hub, budapest):
    site, data = budapest

    done = onboard(site, hub[1], collected(site, hub[1], data))

    assert done.verdict.word == "recalibrate"
    assert "holds once it is recalibrated" in done.verdict.reasons[0].text
    assert done.told["found"] == []
    measured = done.told["measured"]["metrics"]["auroc"]["estimate"]
    assert done.told["expected"]["low"] < measured < done.told["expected"]["high"]
    assert done.told["case_mix"]["features"][0]["feature"] == "age.last"
    page = done.page.read_text()
    assert page.count("<svg") == 3
    assert "↻ Recalibrate first" in page


def test_a_planted_unit_and_a_lost_feed_are_both_found(hub, budapest, tmp_path):
    site, _ = budapest
    data = hospital(tmp_path / "data", "budapest", without_exercise_and_in_moles)

    done = onboard(site, hub[1], collected(site, hub[1], data))

    assert done.verdict.word == "no-go"
    assert {(one["kind"], one["signal"], one["stops"]) for one in done.told["found"]} == {
        ("unit", "cholesterol", True),
        ("feed", "exercise_angina", True),
    }
    (unit,) = [one for one in done.told["found"] if one["kind"] == "unit"]
    assert "look like mmol/L, though they come as mg/dL" in unit["text"]


def test_a_site_without_outcomes_is_told_what_to_expect_and_that_it_is_not_enough(
    hub, budapest, tmp_path
):
    site, _ = budapest
    data = hospital(tmp_path / "data", "budapest", without_outcomes)

    done = onboard(site, hub[1], collected(site, hub[1], data))

    assert done.verdict.word == "no-go"
    assert "why" in done.told["measured"]
    assert done.told["expected"]["estimate"] > 0.7
    assert "Not measured" in done.page.read_text()


def test_a_version_of_one_wide_table_can_be_onboarded_too(tmp_path):
    """Hub and site in one workspace: the verb asks only for a version and for data."""
    shipped = folder_of("diagnosis") / "bedside.yaml"
    (tmp_path / "m").mkdir()
    told = shipped.read_text().replace("bootstrap: 1000", "bootstrap: 100")
    (tmp_path / "m" / "bedside.yaml").write_text(told)
    platform = opened(tmp_path / "w")
    version = build(platform, tmp_path / "m", None).version
    in_per_cent = pl.col("worst area") * 100
    file = tmp_path / "biopsies.parquet"
    breast_cancer().with_columns(in_per_cent).write_parquet(file)

    done = onboard(platform, version.id, file)

    (unit,) = [one for one in done.told["found"] if one["kind"] == "unit"]
    assert unit["signal"] == "worst_area"
