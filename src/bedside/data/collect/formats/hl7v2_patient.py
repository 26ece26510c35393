"""What an HL7 v2 message says of the patient: sex, birth, death, merges, diagnoses, allergies."""

from bedside.core.records.event import MERGED_INTO
from bedside.data.collect.formats.hl7v2_rows import About, Fact, Rows
from bedside.interop.hl7v2.clinical import FINDINGS
from bedside.interop.hl7v2.grouping import PatientGroup
from bedside.interop.hl7v2.patient import prior_identifier, read_patient
from bedside.interop.hl7v2.visit import event_times

__all__ = ["tell_findings", "tell_patient"]

_MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"})
_CORRECTS = frozenset({"A08", "A13", "A31"})
_UNDATED = frozenset({"condition", "procedure"})


def tell_patient(rows: Rows, about: About, group: PatientGroup) -> None:
    """Sex and birth, each a record of its own: a message leaves out what it does not change."""
    assert group.patient is not None  # noqa: S101 - a group begins with its PID
    patient = read_patient(group.patient)
    if patient.sex:
        sex = [Fact("BEDSIDE//sex", text=patient.sex)]
        rows.add(about, "patient", about.named("sex"), patient.sex, sex)
    born = rows.moment(patient.birth, about.zone or "UTC", "a birth date")
    if born is not None:
        birth = [Fact("MEDS//BIRTH", born.day)]
        rows.add(about, "patient", about.named("birth"), patient.birth, birth)
    died = rows.moment(patient.death, about.zone, "a death")
    if died is not None:
        death = [Fact("MEDS//DEATH", died.known)]
        rows.add(about, "death", about.named("death"), patient.death, death)
    elif patient.dead and not patient.death:
        rows.drop("a death without a time (PID-29)")
    elif patient.alive and about.header.event in _CORRECTS:
        dead = [Fact("MEDS//DEATH")]
        rows.add(about, "death", about.named("death"), "N", dead, retracts=True)
    _tell_merges(rows, about, group)


def _tell_merges(rows: Rows, about: About, group: PatientGroup) -> None:
    if not group.merges:
        return
    if about.header.event not in _MERGES:
        rows.drop("MRG in an event that merges no patients (accounts, visits, links)")
        return
    assert group.patient is not None  # noqa: S101 - a group begins with its PID
    survivor = read_patient(group.patient).identifier
    for merge in group.merges:
        gone = prior_identifier(merge, survivor)
        if gone is None or gone.name == about.subject:
            rows.drop("a merge that names no other patient")
            continue
        happened, noted = event_times(group.event)
        when = rows.moment(happened or noted, about.zone, "a merge")
        time = when.known if when else about.recorded
        fact = [Fact(MERGED_INTO, time, text=about.subject)]
        old = About(
            subject=gone.name,
            encounter=None,
            recorded=about.recorded,
            offset=about.offset,
            stamp=about.stamp,
            zone=about.zone,
            header=about.header,
        )
        rows.add(old, "patient", old.named("merged", about.subject), merge.raw, fact)


def tell_findings(rows: Rows, about: About, group: PatientGroup) -> None:
    """Diagnoses, problems, allergies and procedures.

    A diagnosis or procedure without a date of its own is dated by the message: it was there then.
    """
    for segment in group.findings:
        finding = FINDINGS[segment.name](segment)
        code = rows.code(finding.code, f"a finding ({segment.name})")
        if code is None:
            continue
        when = rows.moment(finding.at, about.zone, f"a finding ({segment.name})")
        if when is None and finding.at:
            continue
        time = when.known if when else None
        if time is None and finding.kind in _UNDATED:
            time = about.recorded
        words = [finding.kind, code, finding.role]
        words.append(finding.name or (about.encounter or ""))
        if finding.kind == "procedure" and not finding.name:
            words.append(finding.at)
        rows.add(
            about,
            finding.kind,
            about.named(*words),
            segment.raw,
            [Fact(code, time)],
            retracts=finding.removed,
        )
