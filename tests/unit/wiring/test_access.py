"""The commands about clients: what they say, what they keep and what they leave in the ledger."""

import json

from typer.testing import CliRunner

from bedside.cli.main import app


def run(folder, *arguments: str) -> tuple[int, dict]:
    result = CliRunner().invoke(app, ["access", *arguments, "--workspace", str(folder), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_a_client_is_added_listed_rotated_and_revoked_and_the_ledger_tells_of_it(tmp_path):
    _, added = run(tmp_path, "add", "ehr", "--scope", "infer/sepsis", "--expires", "90d")
    _, rotated = run(tmp_path, "rotate", "ehr")
    _, revoked = run(tmp_path, "revoke", "ehr")
    _, listed = run(tmp_path, "list")
    shown = CliRunner().invoke(app, ["ledger", "show", "--workspace", str(tmp_path), "--json"])

    actions = [one["action"] for one in json.loads(shown.stdout)["entries"]]
    assert actions == ["access.add", "access.rotate", "access.revoke"]
    assert added["token"] != rotated["token"]
    assert added["scopes"] == ["infer/sepsis"]
    assert revoked["revoked"] is not None
    assert [(one["name"], one["good"]) for one in listed["clients"]] == [("ehr", False)]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert added["token"].encode() not in kept
    assert rotated["token"].encode() not in kept


def test_what_is_refused_leaves_nothing_in_the_ledger(tmp_path):
    refused = [
        run(tmp_path, "add", "ehr", "--scope", "infer"),
        run(tmp_path, "add", "ehr", "--scope", "infer/sepsis", "--expires", "soon"),
        run(tmp_path, "revoke", "ehr"),
        run(tmp_path, "rotate", "ehr"),
    ]

    shown = CliRunner().invoke(app, ["ledger", "show", "--workspace", str(tmp_path), "--json"])
    assert [code for code, _ in refused] == [2, 2, 3, 3]
    assert json.loads(shown.stdout)["entries"] == []
