"""Nobody opens patients' data or their sealed answers but through the door."""

import ast
from pathlib import Path

import pytest

from house import ROOT

SOURCE = ROOT / "src" / "bedside"
OPENED = {
    "lifecycle/opened_data.py": "is the door to a snapshot",
    "lifecycle/asking.py": "enters in Asking.collect, before anything is read",
    "lifecycle/intake.py": "is what Asking reads, once it has entered",
    "lifecycle/familiar.py": "is asked after Asking.collect of other patients",
    "lifecycle/patients.py": "finds what Asking then reads",
    "lifecycle/shards.py": "is run in workers, by verbs that have entered",
    "lifecycle/scoring_task.py": "is run in workers, by a verb that has entered",
    "lifecycle/collect.py": "enters as what is collected, before anything is read",
    "lifecycle/erase.py": "enters to erase",
    "lifecycle/lineage.py": "reads manifests; records go through opened_data",
    "lifecycle/documents_workspace.py": "reads manifests for a document, and no record",
    "lifecycle/data.py": "checks every file and shows nothing; all else goes through opened_data",
    "lifecycle/ledger_disclosures.py": "finds whom an account is about, for `bedside ledger`",
    "lifecycle/reveal.py": "enters to find out who a pseudonym is",
    "wiring/hl7_serving.py": "knows stays for a channel that the server was let in to serve",
    "wiring/elsewhere.py": "asks whether data are there, before a verb enters",
}
UNSEALED = {
    "lifecycle/predictions.py": "outcomes enters to watch; judged is read by verbs that enter",
    "lifecycle/prediction_replay.py": "enters to read one record",
    "lifecycle/question_record.py": "is asked after prediction_replay has entered",
    "lifecycle/watched_answers.py": "is read by verbs that enter to watch: live_watch, baselines",
    "lifecycle/where_seen.py": "is asked by live_watch, which enters to watch",
    "lifecycle/baselines.py": "set_baseline enters to watch; baseline_of is asked by watch_live",
    "lifecycle/note_book.py": "is read by verbs that enter to read records of a sample",
    "lifecycle/alarm_account.py": "enters to watch the model that the alarm is about",
    "lifecycle/incidents.py": "enters to watch the model it is about",
    "lifecycle/ledger_disclosures.py": "finds whom an account is about, for `bedside ledger`",
    "lifecycle/documents_statements.py": "reads what people stated in documents, of no patient",
    "lifecycle/hl7_feed.py": "gives a sender the answer that it had",
    "lifecycle/step_decisions.py": "repeats a reviewer's own evidence, which names no patient",
    "lifecycle/live_interventions.py": "is read by live_performance, which enters to watch",
    "lifecycle/order_drafts.py": "is read by interventions, which enters to watch",
    "lifecycle/live_opened.py": "is read by live_performance, which enters to watch",
    "lifecycle/live_answers.py": "gives figures to gates and guards, and no record",
    "serve/asked_before.py": "gives a caller the answer that it had",
    "wiring/cds.py": "finds whose feedback it is, which the gate let in",
    "governance/read_behind.py": "is a ledger itself",
}


def callers(names: set[str], of: set[str] | None = None) -> dict[str, list[int]]:
    """By module, where one of these methods is called; with `of` on an attribute so named."""
    found: dict[str, list[int]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE).as_posix()
        if "adapters/" in place or place.startswith(("core/", "data/", "infra/")):
            continue
        lines = list(calls(path, names, of))
        if lines:
            found[place] = lines
    return found


def calls(path: Path, names: set[str], of: set[str] | None):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            on = node.func.value
            named = getattr(on, "attr", getattr(on, "id", ""))
            if node.func.attr in names and (of is None or named in of):
                yield node.lineno


@pytest.mark.parametrize(
    ("names", "of", "known"),
    [
        ({"open", "opened"}, {"store"}, OPENED),
        ({"unseal", "unseal_all"}, None, UNSEALED),
    ],
)
def test_patients_data_are_opened_only_behind_the_door(names, of, known):
    found = callers(names, of)

    assert sorted(set(found) - set(known)) == []
    assert sorted(set(known) - set(found)) == []


def test_a_module_that_opens_data_by_itself_is_caught(tmp_path):
    module = tmp_path / "sly.py"
    module.write_text("def sly(platform):\n    return platform.store.open('ward/prepared')\n")

    assert list(calls(module, {"open"}, {"store"})) == [2]
