"""Who may do what with which data, for which purpose: a question to the policies, and their answer.

A question never holds a patient's identity; a decision is kept for people to read.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from bedside.core.records.purpose import Purpose
from bedside.core.records.snapshot import Zone

__all__ = [
    "ACT_WORDS",
    "ROLE_WORDS",
    "Access",
    "Act",
    "ConsentSaid",
    "Decision",
    "PolicyText",
    "Resource",
    "Role",
]

ConsentSaid = Literal["unknown", "permit", "deny"]


class Role(StrEnum):
    """What somebody is here; one person may be several."""

    ADMINISTRATOR = "administrator"
    DATA_STEWARD = "data_steward"
    DATA_SCIENTIST = "data_scientist"
    ML_ENGINEER = "ml_engineer"
    CLINICAL_REVIEWER = "clinical_reviewer"
    PRIVACY_OFFICER = "privacy_officer"
    AUDITOR = "auditor"
    SERVICE = "service"


ROLE_WORDS = {
    Role.ADMINISTRATOR: "runs the system: access, keys, backups",
    Role.DATA_STEWARD: "takes data in and answers for them",
    Role.DATA_SCIENTIST: "builds and judges models",
    Role.ML_ENGINEER: "releases, serves and watches models",
    Role.CLINICAL_REVIEWER: "approves models and sees what they say of patients",
    Role.PRIVACY_OFFICER: "guards purposes, consents, policies and erasure",
    Role.AUDITOR: "reads the ledger and every proof, and changes nothing",
    Role.SERVICE: "a program that asks or answers, no person",
}


class Act(StrEnum):
    """What somebody does. Every command, route and verb is one of these."""

    DESCRIBE = "describe"
    INSPECT = "inspect"
    COLLECT = "collect"
    DEIDENTIFY = "deidentify"
    DEVELOP = "develop"
    SCORE = "score"
    READ_RECORD = "read_record"
    REIDENTIFY = "reidentify"
    EXPORT = "export"
    EGRESS = "egress"
    STATE = "state"
    ERASE = "erase"
    APPROVE = "approve"
    RELEASE = "release"
    WITHDRAW = "withdraw"
    MONITOR = "monitor"
    ANSWER = "answer"
    AUDIT = "audit"
    OPERATE = "operate"
    MANAGE_KEYS = "manage_keys"
    MANAGE_ACCESS = "manage_access"
    MANAGE_POLICIES = "manage_policies"
    MANAGE_CONSENTS = "manage_consents"


ACT_WORDS = {
    Act.DESCRIBE: "read what models and data sets there are",
    Act.INSPECT: "look at counts and the quality of data",
    Act.COLLECT: "take data in",
    Act.DEIDENTIFY: "make de-identified data of identified ones",
    Act.DEVELOP: "learn or judge a model from patients' data",
    Act.SCORE: "score many patients at once",
    Act.READ_RECORD: "read one patient's record or prediction",
    Act.REIDENTIFY: "find out who a pseudonym is",
    Act.EXPORT: "take patients' rows out of the workspace",
    Act.EGRESS: "take documents, models or counts out of the workspace",
    Act.STATE: "state in a document what no record shows",
    Act.ERASE: "erase a patient",
    Act.APPROVE: "approve a version",
    Act.RELEASE: "move a version towards patients",
    Act.WITHDRAW: "take a version back, or hold it",
    Act.MONITOR: "watch a version in use",
    Act.ANSWER: "ask a released model about one patient",
    Act.AUDIT: "read the ledger and check its proofs",
    Act.OPERATE: "run servers, queues and backups",
    Act.MANAGE_KEYS: "rotate, seal or destroy keys",
    Act.MANAGE_ACCESS: "let people and programs in, or out",
    Act.MANAGE_POLICIES: "change the policies",
    Act.MANAGE_CONSENTS: "record what patients permit and refuse",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What it is done with.

    Args:
        name: Of a data set, a model, or `workspace`.
        zone: Where the data lie; None where there are no patients' data in it.
        columns: The codes or columns that are read, the least that is needed; empty: not told.
        consent: What the patients concerned say: `permit` where all of them permit the purpose
            (those who do not are left out first), `deny` where one of them refuses it.
        small_cells: Counts of 1 to 10 patients can be read in it.
    """

    name: str = "workspace"
    zone: Zone | None = None
    columns: frozenset[str] = frozenset()
    consent: ConsentSaid = "unknown"
    small_cells: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Somebody asks to do something; `when` decides which policies have ended."""

    actor: str
    roles: frozenset[Role]
    act: Act
    resource: Resource
    purpose: Purpose
    when: datetime = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policies say.

    Args:
        allowed: Whether it may be done.
        policies: The names of those that decided; empty where none allows it.
        reasons: In plain words, for people.
        faults: Names of policies that could not be evaluated; then nothing is allowed.
    """

    allowed: bool
    policies: tuple[str, ...]
    reasons: tuple[str, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyText:
    """One policy: its name, what it says in words, whether it forbids, its text, its end."""

    name: str
    words: str
    forbids: bool
    text: str
    origin: str
    acts: tuple[str, ...]
    expires: str | None = None
