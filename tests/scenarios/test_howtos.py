"""The how-to pages are run, line by line, on real data."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import polars as pl
import pytest
import yaml

import bedside.usecases
from a_hub import a_heart_model, hospital
from bedside.data.collect.bundled import breast_cancer
from bedside.governance.documents.document import path_of, value_at
from data_folder import data_folder
from excisions import declared_with_excisions, with_excisions, with_hours
from fhir_asking import validated
from fhir_server import running as a_fhir_server_of_its_own
from house import ROOT
from loopback import free_port
from planted import bedside_run
from warm_start import warm_bedside

USECASES = Path(bedside.usecases.__file__).parent
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def a_few_stays(tmp_path_factory):
    """One in twenty patients of hospital B, and the one whom the page names."""
    folder = tmp_path_factory.mktemp("sepsis")
    source = data_folder("physionet-2019-sepsis") / "sepsis_setB.parquet"
    picked = (pl.col("patient_id").hash(1) % 20 == 0) | (pl.col("patient_id") == "p100001")
    pl.read_parquet(source).filter(picked).write_parquet(folder / source.name)
    return folder


def commands_of(page: Path) -> list[str]:
    lines = "".join(BLOCK.findall(page.read_text())).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def said_by(page: str, folder: Path, **variables: object) -> dict[str, str]:
    """Run every command of a page in a folder; what each of them printed."""
    commands = commands_of(ROOT / "docs" / "howto" / page)
    script = "\n".join(f"echo '>>> {n}'\n{line}" for n, line in enumerate(commands))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            **{name: str(value) for name, value in variables.items()},
            "BEDSIDE_WORKSPACE": str(folder / "w"),
            "PATH": f"{warm_bedside()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(commands, done.stdout.split(">>> ")[1:], strict=True))


def test_the_page_about_certificates_of_notes_does_what_it_says(tmp_path):
    said = said_by("certify-notes.md", tmp_path, DATA=data_folder("deid-meddocan").parent)

    printed = "".join(said.values())
    assert "NOT certified" in printed
    assert "\nCertified. 12 notes, read by ana and ben." in printed
    assert "counts until" in printed
    report = json.loads((tmp_path / "released" / "report.json").read_text())
    assert report["notice"].startswith("Certificate ")


def test_the_page_about_backups_does_what_it_says(tmp_path):
    built = bedside_run(tmp_path / "w", "build", "diagnosis")
    assert built.returncode == 0, built.stderr
    (tmp_path / "keys").mkdir()

    said = said_by("backup.md", tmp_path, PLACE=tmp_path / "b", KEYS=tmp_path / "keys")

    printed = "".join(said.values())
    assert len(said) >= 5
    assert "The key file is not in it" in printed
    assert "Restored and read whole" in printed
    assert "diagnosis@" in printed
    assert "Earlier backups removed: 1" in printed


def test_the_page_about_documents_does_what_it_says(tmp_path):
    built = bedside_run(tmp_path / "w", "build", "diagnosis")
    assert built.returncode == 0, built.stderr

    said = said_by("documents.md", tmp_path)

    told = said["bedside documents diagnosis --pdf"]
    assert re.search(r"HTI-1 \(31\): \d+ of 31 answered from evidence", told)
    assert "the identity provider's administrator: " in told
    reports = tmp_path / "w" / "reports"
    pages = {page.stem for page in reports.rglob("*.html")} - {"leakage"}
    assert pages == {paper.stem for paper in reports.rglob("*.pdf")}
    assert len(pages) == 16
    for document in json.loads((tmp_path / "documents.json").read_text())["documents"]:
        folder = Path(document["page"]).parent
        for line in [line for part in document["sections"] for item in part["items"]
                     for line in item["lines"]]:  # fmt: skip
            for one in line["stands_at"]:
                sealed = next((tmp_path / "w" / "bundles").glob(f"*/{one['file']}"), None)
                value_at(json.loads((sealed or folder / one["file"]).read_text()),
                         path_of(one["path"]))  # fmt: skip


def test_the_page_about_audits_does_what_it_says(tmp_path):
    built = bedside_run(tmp_path / "w", "build", "diagnosis")
    assert built.returncode == 0, built.stderr
    (tmp_path / "auditor").mkdir()

    said = said_by(
        "audit.md", tmp_path, ELSEWHERE=tmp_path / "elsewhere", AUDITOR=tmp_path / "auditor"
    )

    check = "python $AUDITOR/audit/bedside_ledger_verify.py"
    found = [
        text for command, text in said.items() if "ledger verify" in command and "||" in command
    ]
    assert all("it was put back" in text and "exit code 4" in text for text in found)
    assert len(found) == 2
    assert "Nothing is wrong." in said[f"{check} $AUDITOR/audit"]
    assert (
        "goes on from your checkpoint"
        in said[f"{check} audit-next --seen $AUDITOR/mine.checkpoint"]
    )
    tampered = said[f'{check} $AUDITOR/audit || echo "exit code $?"']
    assert "does not follow the one before it" in tampered
    assert "exit code 1" in tampered
    assert "checkpoint signs" in said["python audit/bedside_ledger_verify.py --proof entry.json"]
    assert "Key 2 signs" in said["bedside ledger rotate-key"]
    assert "AuditEvents" in said["bedside ledger export events.ndjson --as fhir"]
    told = said["bedside ledger disclosures --subject 0017 --to disclosures.html"]
    assert "to be accounted for" in told
    assert "0017" not in (tmp_path / "disclosures.html").read_text()


def test_the_page_about_data_does_what_it_says(a_few_stays, tmp_path):
    said = said_by("data.md", tmp_path, DATA=a_few_stays)

    printed = "".join(said.values())
    assert len(said) >= 18
    assert "early_warning/prepared" in said["bedside data list"]
    now = said["bedside data show early_warning/prepared"]
    then = said["bedside data show early_warning/prepared --as-of 2000-01-01T06:00:00Z"]
    assert "as it was known at 2000-01-01T06:00:00" in then
    assert count_of(then) < count_of(now) / 2
    assert "raw file" in said["bedside data lineage early_warning"]
    assert "version early_warning@" in said["bedside data lineage $DATA/sepsis_setB.parquet"]
    records = [line for command, line in said.items() if "--subject p100001" in command]
    assert "sepsis_setB.parquet" in records[0]
    assert " row 0:" in records[0]
    assert "These versions were built" in said["bedside data erase p100001"]
    assert "can no longer be exact" in printed
    assert "✗ early_warning/" not in printed
    assert "NOT encrypted" in printed
    plain = pl.read_parquet(tmp_path / "plain").select(pl.exclude(pl.Binary))
    assert "p100001" not in plain.write_json()


def count_of(shown: str) -> int:
    found = re.search(r"([\d,]+) events of", shown)
    assert found is not None
    return int(found.group(1).replace(",", ""))


def test_the_page_about_collecting_does_what_it_says(tmp_path):
    needed = (
        "uci-heart-disease", "hl7v2-messages", "ccda-samples", "omop-synthea27nj",
        "synthea-bulk-ndjson-10",
    )  # fmt: skip
    for name in needed:
        data_folder(name)

    said = said_by("collect.md", tmp_path, DATA=data_folder(needed[0]).parent)

    collected = [text for command, text in said.items() if " collect " in command]
    assert len(collected) == 5, "the same command again stands for the first"
    assert (
        "Nothing new" in said["bedside data collect heart_disease --data $DATA/uci-heart-disease"]
    )
    assert all("Report for the data steward" in text for text in collected)
    assert (tmp_path / "for-research" / "metadata" / "dataset.json").is_file()
    assert (tmp_path / "w" / "reports" / "heart_disease" / "quality.html").is_file()


def test_the_page_about_features_does_what_it_says(tmp_path):
    said = said_by("features.md", tmp_path)

    command = "bedside features explain diagnosis --subject 0017 --at 2000-01-02T00:00:00Z"
    assert "worst_radius.last  " in said["bedside features list diagnosis"]
    assert "Known, 30 of 30 features:" in said[command]
    assert "radius of the nuclei, mean 16.1, measured 24 h ago  " in said[command]
    in_depth = said[f"{command} --feature worst_radius.last"]
    assert "The latest radius of the nuclei, worst three in the whole record." in in_depth
    assert "breast_cancer.parquet row 17" in in_depth
    assert said["bedside ledger show"].count("features.explain") == 2


@pytest.fixture(scope="module")
def a_part(tmp_path_factory):
    """A part of each of the four public data sets, in folders of the same names."""
    folder = tmp_path_factory.mktemp("part")
    sepsis = data_folder("physionet-2019-sepsis") / "sepsis_setB.parquet"
    icu = data_folder("physionet-2012-icu")
    diabetes = data_folder("diabetes-130-hospitals") / "diabetic_data.csv.gz"
    for place in (sepsis.parent, icu, diabetes.parent):
        (folder / place.name).mkdir()
    (folder / "mimic-iv-demo-meds").symlink_to(data_folder("mimic-iv-demo-meds"))
    picked = (pl.col("patient_id").hash(1) % 40 == 0) | (pl.col("patient_id") == "p100001")
    pl.read_parquet(sepsis).filter(picked).write_parquet(folder / sepsis.parent.name / sepsis.name)
    (folder / icu.name / "Outcomes-a.txt").write_bytes((icu / "Outcomes-a.txt").read_bytes())
    with ZipFile(icu / "set-a.zip") as whole, ZipFile(folder / icu.name / "set-a.zip", "w") as part:
        for name in sorted(whole.namelist())[::6]:
            part.writestr(name, whole.read(name))
    picked = (pl.col("patient_nbr").hash(1) % 40 == 0) | (pl.col("patient_nbr") == "55629189")
    pl.read_csv(diabetes, infer_schema=False).filter(picked).write_csv(
        folder / diabetes.parent.name / "diabetic_data.csv"
    )
    return folder


def test_the_page_about_questions_does_what_it_says(a_part, tmp_path):
    said = said_by("question.md", tmp_path, DATA=a_part)

    assert "Time at risk: from 0 min to 6 d" in said["bedside question show discharge_home"]
    assert "predicates:" in said["bedside question show icu_mortality --aces"]
    assert "Every predicate is met." in "".join(said.values())
    for name in ("discharge_home", "icu_mortality", "readmission", "early_warning"):
        (flow,) = [text for command, text in said.items() if f"question flow {name}" in command]
        assert "The label is known." in flow
        (audit,) = [text for command, text in said.items() if f"leakage {name}" in command]
        assert "A build would be refused" not in audit
        assert (tmp_path / "w" / "reports" / name / "leakage.html").is_file()
        assert (tmp_path / "w" / "reports" / name / "cohort.html").is_file()
        (told,) = [text for command, text in said.items() if f"explain {name}" in command]
        assert re.search(r"Known, [1-9]\d* of \d+ features", told)
    assert "min_sensitivity_ppv" in said["bedside build icu_mortality"]
    assert "set-a/132539.txt byte" in "".join(said.values())


def test_the_page_about_proving_does_what_it_says(tmp_path):
    table = breast_cancer().with_columns(case="elsewhere " + pl.col("case"))
    numbers = [name for name in table.columns if table.schema[name] == pl.Float64]
    other = tmp_path / "another_hospital.parquet"
    table.with_columns(pl.col(numbers) * 1.05).write_parquet(other)

    said = said_by("prove.md", tmp_path, OTHER=other, USECASES=USECASES)

    assert "on 569 other patients" in said["bedside evaluate $FIRST --data $OTHER"]
    assert "refitted on 569 patients" in said["bedside recalibrate $FIRST --data $OTHER"]
    compared = said["bedside compare $FIRST diagnosis"]
    assert "on the same 125 patients (held out by both)" in compared
    assert "learner.parameters.num_leaves: 8, then 3" in compared
    assert said["bedside history diagnosis"].count("built 20") == 3
    written = said["bedside documents $FIRST"]
    assert "other patients that are taken in: 1." in written
    assert "    18a   name the funding" in written
    assert "Other hospitals or sources" not in written
    assert len(list((tmp_path / "w" / "reports" / "diagnosis").glob("tripod-ai-*.html"))) == 1
    assert "same to the byte" in said["bedside reproduce $FIRST"]
    (edited,) = [text for command, text in said.items() if "--folder" in command]
    assert "The declaration was edited: learner.parameters.num_leaves: 8, then 3." in edited
    assert "another model, as it says" in edited


def test_the_page_about_cds_hooks_does_what_it_says(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    client = ROOT / "docs" / "howto" / "cds_hooks_client.py"

    try:
        said = said_by("cds-hooks.md", tmp_path, USECASES=USECASES, CLIENT=client, PORT=port)
    finally:
        end_server(tmp_path / "serving")

    card = said["python $CLIENT call"]
    assert "HTTP 200" in card
    assert "risk 96 %, at or above the alert threshold" in card
    assert "Ask for a core biopsy" in card
    assert "cds_token_replayed" in said["python $CLIENT again"]
    assert "About this model: HTTP 200, text/html" in said["python $CLIENT page"]
    assert '"recorded": 1' in said["python $CLIENT feedback"]
    assert said["bedside ledger show | tail -3"].rstrip().endswith("feedback")


def test_the_page_about_fhir_does_what_it_says(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    place = {"USECASES": USECASES, "HOSPITAL": ROOT / "docs" / "howto" / "fhir_hospital.py"}

    with a_fhir_server_of_its_own() as server:
        server.set(auth=False, live=True)
        try:
            said = said_by("fhir.md", tmp_path, **place, PORT=port, FHIR=server.base)
        finally:
            end_server(tmp_path / "serving")
        kept = {
            kind: [validated(one) for one in server.held(kind)]
            for kind in ("RiskAssessment", "Device", "DocumentReference", "Provenance")
        }

    assert '"probabilityDecimal": 96.08' in said["python $HOSPITAL predict"]
    assert "abstention-missing" in said["python $HOSPITAL predict-without"]
    first = said["bedside fhir watch diagnosis --once --since 2026-01-01T00:00:00Z"]
    assert "Asked about: 1. To be written: 1. Sent: 1." in first
    assert "Asked about: 0." in said["bedside fhir watch diagnosis --once"]
    assert {kind: len(found) for kind, found in kept.items()} == dict.fromkeys(kept, 1)
    assert said["bedside fhir outbox --all"].count("sent ") == 1
    assert said["bedside ledger show | grep fhir"].count("fhir.write_back") == 1


def test_the_page_about_hl7_does_what_it_says(tmp_path):
    place = {"USECASES": USECASES, "HOSPITAL": ROOT / "docs" / "howto" / "hl7_hospital.py"}
    ports = {"LISTENER": free_port(), "RECEIVER": free_port()}

    try:
        said = said_by("hl7.md", tmp_path, **place, **ports)
    finally:
        end_server(tmp_path / "serving")
        end_server(tmp_path / "receiving")

    received = said["python $HOSPITAL results received.hl7"]
    assert "|0.960834|1^^UCUM|< 0." in received
    assert "^Reaches the alert threshold^99BEDSIDE||Y^Yes^HL70136" in received
    assert "AA|2" in said["python $HOSPITAL repeat"]
    assert "Repeated: 1." in said["cat served.txt"]
    assert said["bedside hl7 outbox --all"].count("sent ") == 1
    assert "Replayed: same bytes" in "".join(said.values())


def end_server(note: Path) -> None:
    """End what a page has started and could not end itself."""
    if note.is_file():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(note.read_text()), signal.SIGTERM)


def test_the_page_about_rollouts_does_what_it_says(tmp_path):
    later = tmp_path / "later.parquet"
    breast_cancer()[::4].write_parquet(later)

    client = ROOT / "docs" / "howto" / "ask_biopsies.py"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    try:
        said = said_by(
            "rollout.md", tmp_path, ASK=client, LATER=later, USECASES=USECASES, PORT=port
        )
    finally:
        end_server(tmp_path / "serving")

    last = said["python $ASK http://127.0.0.1:$PORT served.txt $LATER"]
    printed = "".join(said.values())
    assert "is approved for live" in printed
    assert "score: 143" in (tmp_path / "live.txt").read_text()
    assert "withheld: 143" in last
    assert "shown to 10 % of the patients and everybody in breast_clinic" in printed
    shown = said["bedside rollout diagnosis"]
    assert "is in canary." in shown
    assert "Differences, the first less the second" in shown
    assert "both scored 143, the outcome of 143 is known" in shown
    assert "The ledger is whole" in printed
    told = json.loads((tmp_path / "rollout.json").read_text())
    assert told["live"] is None
    assert [one["action"] for one in told["history"]][-2:] == ["hold", "rollback"]


def test_the_page_about_predictions_does_what_it_says(tmp_path):
    later = tmp_path / "later.parquet"
    breast_cancer()[::20].write_parquet(later)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

    client = ROOT / "docs" / "howto" / "ask_biopsies.py"
    try:
        said = said_by("predictions.md", tmp_path, ASK=client, LATER=later, PORT=port)
    finally:
        end_server(tmp_path / "serving")

    listed = said["bedside prediction list --model diagnosis --outcome score --limit 3"]
    assert listed.count("silent  not shown") == 3
    assert "Replayed: same bytes" in said["bedside prediction show $ONE"]
    assert "0 of it noted now" in said["bedside prediction outcomes $FIRST --data $LATER"]
    assert "outcome " in said["bedside prediction show $ONE | tail -3"]
    assert pl.read_parquet(tmp_path / "predictions.parquet")["label"].null_count() == 0
    assert not (tmp_path / "all.parquet").exists()
    assert "The ledger is whole" in said["bedside ledger verify"]


def test_the_page_about_watching_does_what_it_says(tmp_path):
    later = tmp_path / "later.parquet"
    care, excised = declared_with_excisions(tmp_path / "care"), tmp_path / "excised.parquet"
    table = with_hours(breast_cancer())[::5]
    table.write_parquet(later)
    malignant = table.filter(pl.col("malignant") == 1)["case"].to_list()
    with_excisions(table, [(case, 2.0) for case in malignant[::2]]).write_parquet(excised)
    port = free_port()
    client = ROOT / "docs" / "howto" / "ask_biopsies.py"
    told_of = {"ASK": client, "LATER": later, "EXCISED": excised, "CARE": care, "PORT": port}
    try:
        said = said_by("monitor.md", tmp_path, **told_of)
    finally:
        end_server(tmp_path / "serving")

    told = said["bedside monitor diagnosis --today"]
    assert "Nothing moved that chance would not explain." in told
    assert "with 114 answers" in told
    assert "100% of the predictions of" in told
    judged = said["bedside monitor diagnosis --window 7d"]
    assert "100% can be judged by what came true" in judged
    assert "✓ Gate of the release: AUROC" in judged
    assert "excision, within 6 h: it followed 0." in judged
    noted = said["bedside prediction interventions $FIRST --data $EXCISED"]
    assert re.search(
        r"an intervention followed \d+ of them and none \d+; [1-9]\d* noted now", noted
    )
    assert json.loads((tmp_path / "run.json").read_text())["days"] == 0
    assert "Nothing to count since the last run" in said["bedside monitor --all"]
    assert "watched last" in said["bedside monitor --check"]
    job = yaml.safe_load((ROOT / "docs" / "howto" / "monitor-cronjob.yaml").read_text())
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    run = bedside_run(tmp_path / "w", *container["command"][1:])
    assert run.returncode == 0, run.stderr


def test_the_page_about_serving_does_what_it_says(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    try:
        said = said_by("serve.md", tmp_path, PORT=port)
    finally:
        end_server(tmp_path / "serving")

    assert '{"live":true}' in "".join(said.values())
    assert '{"ready":true}' in "".join(said.values())
    assert "the same to the byte" in said["cmp first.txt second.txt && echo 'the same to the byte'"]
    assert (tmp_path / "first.txt").read_text().splitlines()[-1] == "200"
    assert "request_id_reused" in said["ask other.json"]
    assert said["ask other.json"].splitlines()[-1] == "409"
    shown = said["bedside ledger show | tail -8"]
    assert shown.count(" answer") == 1
    assert "serve.stop" in shown


def test_the_page_about_deploying_does_what_it_says(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    try:
        said = said_by("deploy.md", tmp_path, PORT=port)
    finally:
        end_server(tmp_path / "serving")

    assert said["ls out"].split()[1:] == [
        "Containerfile", "README.md", "app", "compose.yaml", "helm", "release",
        "requirements.txt", "sbom.json",
    ]  # fmt: skip
    (exported,) = [text for command, text in said.items() if "deploy export" in command]
    assert "canary_key. It is a secret" in exported
    (described,) = [text for command, text in said.items() if "/v2/models/" in command]
    (counted,) = [text for command, text in said.items() if command.startswith("grep")]
    assert "bedside_workers_ready 1.0" in counted
    assert '"name":"diagnosis"' in described
    assert "Serving on 127.0.0.1" in (tmp_path / "served.txt").read_text()


def test_the_page_about_sites_does_what_it_says(tmp_path):
    said = said_by(
        "sites.md",
        tmp_path,
        MODEL=a_heart_model(tmp_path / "model"),
        CLEVELAND=hospital(tmp_path / "cleveland", "cleveland"),
        BUDAPEST=hospital(tmp_path / "budapest", "budapest"),
    )

    onboarded, validated, local = (
        text for command, text in said.items() if "onboard" in command or "validate" in command
    )
    assert "RECALIBRATE FIRST" in onboarded
    assert "refused here" in validated
    assert "each judged by a fit on others" in local
    assert "is now silent" in said["bedside release $LOCAL --stage silent --workspace site"]
    listed = said["bedside site list --workspace hub"]
    assert listed.count("294 patients") == 2
    assert "failed its validation" in listed


def test_the_page_about_operating_does_what_it_says(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    try:
        said = said_by("operate.md", tmp_path, PORT=port)
    finally:
        end_server(tmp_path / "serving")

    assert "All of it can run." in said["bedside up --check"]
    assert "server" in said["head -2 up.txt"]
    counted = said["grep '^bedside_workers' metrics.txt"]
    assert "bedside_workers 1.0" in counted
    assert "bedside_workers_ready 1.0" in counted
    (planned,) = [text for command, text in said.items() if "bedside plan" in command]
    assert "each: score" in planned
    assert "up.stop" in said["bedside ledger show | tail -2"]


def test_the_page_about_deidentification_does_what_it_says(tmp_path):
    data = data_folder("synthea-bulk-ndjson-10").parent

    said = said_by("deidentify.md", tmp_path, DATA=data)

    printed = "".join(said.values())
    assert "synthea_bulk/safe_harbor/sepsis" in printed
    assert "synthea_bulk/limited_dataset/sepsis" in printed
    assert "look like nobody else" in printed
    assert (tmp_path / "risk" / "dossier.html").is_file()
    assert (tmp_path / "hl7" / "00001.hl7").is_file()
    assert (tmp_path / "omop" / "PERSON.csv").is_file()


@pytest.mark.skipif(os.getuid() != 0, reason="Only root can be two people: run it as root.")
def test_the_page_about_governing_does_what_it_says(tmp_path):
    said = said_by("govern.md", tmp_path, PAGES=ROOT / "docs" / "howto", LOGNAME="root")

    commands = iter(said.values())
    assert "whoever can open it" in next(commands)
    assert "decisions are as the table says" in next(commands)
    assert "never-for-marketing" in next(commands)
    assert "refused with 4" in next(commands)
    assert "policy.refused" in next(commands)
    printed = "".join(said.values())
    assert printed.count("left with 4") == 2
    assert "[ben-may-research-the-ward]" in printed
    assert printed.count("one signature is not enough") == 2
    *_, listed, flow = said.values()
    assert "withdrew every purpose" in listed
    assert "0001" not in listed
    assert "Have not refused this use" in flow
