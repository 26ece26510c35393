"""Labelled notes taken out of the workspace as a plain file, which names the patients."""

import os
from pathlib import Path

from bedside.core.errors import Invalid, Unavailable
from bedside.core.ids import digest_bytes
from bedside.lifecycle.leaving import Content, Leaving, WhoseRecords, leave_zone, tell_left
from bedside.lifecycle.note_labels import read_notes
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.signed_effects import HandAsked
from bedside.privacy.text.annotated import to_json

__all__ = ["take_labels_out"]


def take_labels_out(platform: Platform, data: str, out: Path, hand: HandAsked | None = None) -> int:
    """Write the notes that somebody read, with their labels, to a new file of JSON lines.

    Nothing is taken out of them: they leave as identified rows, and so are counted among what was
    disclosed of each of their patients.

    Returns:
        How many notes there are.

    Raises:
        Invalid: there is such a file already.
        NotFound: there is no sample, or nobody has read a note of it.
        Refused: it is not permitted (code `not_allowed`), or somebody must sign yet (`waits`).
        Unavailable: the file cannot be written.
    """
    notes = read_notes(platform, data)
    if out.exists():
        raise Invalid("There is such a file already.", fix="give a new name.")
    content = "".join(f"{to_json(note)}\n" for note, _ in notes).encode(errors="surrogatepass")
    leaving = Leaving(
        action="deid.labels.export",
        form="labelled notes",
        content=Content(sha256=digest_bytes(content), files=1),
        plan=None,
        data=data,
    )
    decision = leave_zone(platform, leaving, hand)
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except OSError:
        raise Unavailable(
            "The file cannot be written.", fix="check the space and the permissions of --out."
        ) from None
    whose = WhoseRecords(
        salt="",
        subjects={subject for _, subject in notes if subject is not None},
        others=any(subject is None for _, subject in notes),
    )
    tell_left(platform, leaving, whose, decision=decision, told={"notes": len(notes)})
    return len(notes)
