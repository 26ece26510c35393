"""What an auditor takes away is checked without Bedside, and whatever is done to it is found."""

import ast
import json
import random
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bedside.governance
from bedside.core.errors import Invalid, Refused
from bedside.governance.checkpointing import SUFFIX
from bedside.governance.notes import Checkpoint, note_of
from bedside.lifecycle.ledger_checkpoints import checkpoint, rotate_checkpoint_key
from bedside.lifecycle.ledger_export import VERIFIER, export_ledger, prove_entry
from bedside.wiring.checkpoints import books_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

pytestmark = pytest.mark.xdist_group("lifecycle_ledger_export")  # its fixtures are made once

PROGRAM = Path(bedside.governance.__file__).parent / "verifier" / VERIFIER


def opened(folder):
    actor = actor_of("user:grey", "audit")
    return open_workspace(folder / "w", actor=actor, progress=LineProgress())


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A ledger of some entries, three keys' worth of checkpoints, and its export."""
    folder = tmp_path_factory.mktemp("ledger")
    platform = opened(folder)
    books = books_of(platform)
    for number in range(12):
        platform.ledger.append(
            platform.actor, "answer.kept", {"n": number}, sealed=b"Ada Lovelace", subject=number
        )
        if number == 5:
            checkpoint(platform, books)
    rotate_checkpoint_key(platform, books)
    export_ledger(platform, books, folder / "x")
    return folder


@pytest.fixture
def taken(exported, tmp_path):
    """A copy of the export, elsewhere."""
    return Path(shutil.copytree(exported / "x", tmp_path / "x"))


@pytest.fixture(scope="module")
def verifier():
    """The program's own functions, loaded from its file; it is no part of the package."""
    from importlib.util import module_from_spec, spec_from_file_location  # noqa: PLC0415

    spec = spec_from_file_location("bedside_ledger_verify", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def judged(verifier, capsys, *arguments):
    """Exit code and words of the program."""
    sys.argv = ["verify", *map(str, arguments)]
    code = verifier.main()
    return code, capsys.readouterr().out


def test_the_program_runs_alone_on_a_copy_and_finds_nothing_wrong(taken):
    done = subprocess.run(
        [sys.executable, "-I", taken / VERIFIER, taken], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "15 entries read, 4 checkpoints agree with them." in done.stdout
    assert "key 2 was signed by key 1" in done.stdout


def test_the_program_needs_python_3_9_and_cryptography_alone():
    tree = ast.parse(PROGRAM.read_text(), feature_version=(3, 9))
    found = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    third = {one.partition(".")[0] for one in found} - set(sys.stdlib_module_names)

    assert third == {"cryptography"}
    assert not [one for one in ast.walk(tree) if isinstance(one, ast.Match)]


def test_no_sealed_part_and_no_patient_is_in_the_copy(taken):
    whole = b"".join(path.read_bytes() for path in taken.rglob("*") if path.is_file())

    assert b"Ada" not in whole
    assert b"sealed_digest" in whole


def test_entries_cut_off_at_any_byte_are_missed(taken, verifier, capsys):
    file = taken / "entries.jsonl"
    whole = file.read_bytes()
    told = json.loads((taken / "bundle.json").read_text())
    ends = [n for n, byte in enumerate(whole) if byte == 10]
    for cut in {*range(0, len(whole), 97), *ends, *(end + 1 for end in ends[:-1])}:
        file.write_bytes(whole[:cut])
        told["files"]["entries.jsonl"] = verifier.hashlib.sha256(whole[:cut]).hexdigest()
        (taken / "bundle.json").write_text(json.dumps(told))  # the liar mends the digest too
        code, _ = judged(verifier, capsys, taken)
        assert code == 1, cut


def test_every_other_file_cut_off_at_any_byte_is_missed(taken, verifier, capsys):
    for path in [*taken.glob("*.json"), *taken.glob("checkpoints/*")]:
        whole = path.read_bytes()
        for cut in range(0, len(whole), 11):
            path.write_bytes(whole[:cut])
            assert judged(verifier, capsys, taken)[0] in (1, 2), (path, cut)
        path.write_bytes(whole)
    assert judged(verifier, capsys, taken)[0] == 0


def test_a_flipped_bit_anywhere_is_found(taken, verifier, capsys):
    drawn = random.Random(8)
    for path in [taken / "entries.jsonl", taken / "keys.json", *taken.glob("checkpoints/*")]:
        whole = path.read_bytes()
        for _ in range(40):
            content = bytearray(whole)
            bit = drawn.randrange(len(content) * 8)
            content[bit // 8] ^= 1 << bit % 8
            path.write_bytes(content)
            assert judged(verifier, capsys, taken)[0] == 1
        path.write_bytes(whole)


@given(st.binary(max_size=200) | st.text(max_size=120).map(str.encode))
def test_the_program_reads_strangers_bytes_as_a_checkpoint_or_refuses_them(verifier, content):
    try:
        verifier.note_of(content, "strange")
    except ValueError:
        return
    pytest.fail("a stranger's bytes were taken for a checkpoint")


@pytest.mark.parametrize(
    "line",
    [b"[]", b"{}", b"1", b'{"sequence":[],"previous":{},"at":1,"action":2,"details":3}', b"\xff",
     b"[" * 5000, b'{"sequence":1,"previous":"x","at":"","action":"checkpoint.key","details":[]}'],
)  # fmt: skip
def test_what_is_no_entry_is_told_and_never_a_crash(taken, verifier, capsys, line):
    forged(taken, verifier, [line + b"\n", *lines_of(taken)[1:]])

    assert judged(verifier, capsys, taken)[0] == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format":1}', b"\xff", b"[" * 5000])
def test_what_is_no_bundle_cannot_be_read(taken, verifier, capsys, content):
    (taken / "bundle.json").write_bytes(content)

    assert judged(verifier, capsys, taken)[0] == 2


def lines_of(taken):
    return (taken / "entries.jsonl").read_bytes().splitlines(keepends=True)


def forged(taken, verifier, lines):
    """The entries put in place of the true ones, and every digest of the folder mended."""
    content = b"".join(lines)
    (taken / "entries.jsonl").write_bytes(content)
    told = json.loads((taken / "bundle.json").read_text())
    told["files"]["entries.jsonl"] = verifier.hashlib.sha256(content).hexdigest()
    (taken / "bundle.json").write_text(json.dumps(told))


def chained(verifier, lines):
    """The chain made anew over entries that were changed."""
    previous, done = "0" * 64, []
    for number, line in enumerate(lines, 1):
        entry = json.loads(line) | {"previous": previous, "sequence": number}
        text = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
        previous = verifier.hashlib.sha256(text).hexdigest()
        done.append(text + b"\n")
    return done


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("what", ["dropped", "swapped", "doubled", "changed"])
def test_dropped_swapped_doubled_and_changed_entries_are_found(taken, verifier, capsys, what, anew):
    lines = lines_of(taken)
    if what == "dropped":
        del lines[4]
    elif what == "swapped":
        lines[4], lines[5] = lines[5], lines[4]
    elif what == "doubled":
        lines.insert(4, lines[4])
    else:
        lines[4] = lines[4].replace(b'"n":4', b'"n":5')
    forged(taken, verifier, chained(verifier, lines) if anew else lines)

    code, said = judged(verifier, capsys, taken)

    assert code == 1
    assert "do not rely on it" in said


def test_a_ledger_that_was_put_back_or_forked_is_found_by_the_auditors_own_checkpoint(
    exported, taken, verifier, capsys, tmp_path
):
    platform, books = opened(exported), books_of(opened(exported))
    mine = tmp_path / "mine.checkpoint"
    for path in taken.glob("checkpoints/*"):
        shutil.copy(path, mine)
        code, said = judged(verifier, capsys, taken, "--seen", mine)
        assert code == 0
        assert "the ledger goes on from your checkpoint" in said
    last = sorted(taken.glob("checkpoints/*"))[-1]
    told = verifier.note_of(last.read_bytes(), "")
    signer = books.signer_of(2)
    for size, root, words in ((99, told.root, "put back"), (told.size, bytes(32), "were others")):
        later = Checkpoint(origin=told.origin, size=size, root=root)
        mine.write_text(note_of(later, signer.public_key_bytes, signer.sign).text)
        code, said = judged(verifier, capsys, taken, "--seen", mine)
        assert code == 1
        assert words in said
    assert platform.ledger.verify() == []


def test_a_stolen_key_is_not_believed_and_a_key_of_nobody_is_told(
    exported, verifier, capsys, tmp_path
):
    shutil.copytree(exported / "w", tmp_path / "w")
    platform = opened(tmp_path)
    books = books_of(platform)
    rotated = rotate_checkpoint_key(platform, books, stolen=True)
    export_ledger(platform, books, tmp_path / "x")
    key = b64encode(rotated.public).decode()

    code, said = judged(verifier, capsys, tmp_path / "x")
    assert code == 1
    assert f"confirm it with --key {key}" in said
    assert judged(verifier, capsys, tmp_path / "x", "--key", key)[0] == 0
    other = b64encode(bytes(32)).decode()
    assert judged(verifier, capsys, tmp_path / "x", "--key", key, "--key", other)[0] == 0
    assert judged(verifier, capsys, tmp_path / "x", "--key", other)[0] == 1

    thief, now = books.signer_of(2), books.checkpointer.last().checkpoint
    stolen = note_of(now, thief.public_key_bytes, thief.sign)
    for path in (tmp_path / "x" / "checkpoints").glob(f"{now.size:016d}*{SUFFIX}"):
        path.write_text(stolen.text)
    code, said = judged(verifier, capsys, tmp_path / "x", "--key", key)
    assert code == 1
    assert "not signed with the key of its time" in said


def test_one_entry_is_proved_under_a_checkpoint(exported, verifier, capsys, tmp_path):
    platform = opened(exported)
    for sequence in (1, 7, 15):
        file = tmp_path / f"{sequence}.json"
        done = prove_entry(platform, books_of(platform), sequence, file)
        code, said = judged(verifier, capsys, "--proof", file, "--key", done.key)
        assert code == 0
        assert f"entry {sequence} " in said
        told = json.loads(file.read_text())
        for name, value in (
            ("entry", told["entry"].replace("audit", "other")),
            ("index", told["index"] ^ 1),
            ("hashes", told["hashes"][:-1]),
            ("key", b64encode(bytes(32)).decode()),
        ):
            file.write_text(json.dumps(told | {name: value}))
            assert judged(verifier, capsys, "--proof", file)[0] == 1, name
    with pytest.raises(Refused):
        prove_entry(platform, books_of(platform), 1, file)


def test_nothing_is_written_over(exported):
    platform = opened(exported)
    with pytest.raises(Invalid):
        export_ledger(platform, books_of(platform), exported / "x")
