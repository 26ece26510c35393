"""For what somebody may want patients' data: the codes of HL7, and the words that people write."""

from enum import StrEnum

__all__ = ["PURPOSE_WORDS", "Purpose", "purpose_of"]


class Purpose(StrEnum):
    """A purpose of use; `above` says which wider one it belongs to.

    Source: HL7 Version 3, code system ActReason, value set PurposeOfUse. `UNKNOWN` is ours: what
    was written is no purpose that is known, and no policy allows anything for it.
    """

    TREAT = "TREAT"
    ETREAT = "ETREAT"
    PATRQT = "PATRQT"
    HOPERAT = "HOPERAT"
    HQUALIMP = "HQUALIMP"
    PATSFTY = "PATSFTY"
    HCOMPL = "HCOMPL"
    HSYSADMIN = "HSYSADMIN"
    RECORDMGT = "RECORDMGT"
    SYSDEV = "SYSDEV"
    HTEST = "HTEST"
    TRAIN = "TRAIN"
    HRESCH = "HRESCH"
    PUBHLTH = "PUBHLTH"
    HPAYMT = "HPAYMT"
    HMARKT = "HMARKT"
    UNKNOWN = "UNKNOWN"

    @property
    def above(self) -> "Purpose | None":
        """The wider purpose that this one is a kind of.

        >>> Purpose.SYSDEV.above.value
        'HOPERAT'
        """
        if self is Purpose.ETREAT:
            return Purpose.TREAT
        return Purpose.HOPERAT if self in _OPERATIONS else None

    def is_a(self, other: "Purpose") -> bool:
        """Whether it is the other one, or a kind of it."""
        return self is other or self.above is other


_OPERATIONS = frozenset(
    {Purpose.HQUALIMP, Purpose.PATSFTY, Purpose.HCOMPL, Purpose.HSYSADMIN, Purpose.RECORDMGT,
     Purpose.SYSDEV, Purpose.HTEST, Purpose.TRAIN}
)  # fmt: skip
PURPOSE_WORDS = {
    Purpose.TREAT: "treatment of patients",
    Purpose.ETREAT: "treatment in an emergency",
    Purpose.PATRQT: "a patient's own request",
    Purpose.HOPERAT: "running the hospital",
    Purpose.HQUALIMP: "improving the quality of care",
    Purpose.PATSFTY: "the safety of patients",
    Purpose.HCOMPL: "compliance and audit",
    Purpose.HSYSADMIN: "administration of the system",
    Purpose.RECORDMGT: "keeping of records",
    Purpose.SYSDEV: "development of models",
    Purpose.HTEST: "tests of the system",
    Purpose.TRAIN: "training of staff",
    Purpose.HRESCH: "research",
    Purpose.PUBHLTH: "public health",
    Purpose.HPAYMT: "payment",
    Purpose.HMARKT: "marketing",
    Purpose.UNKNOWN: "a purpose that is not known here",
}
_WRITTEN = {
    "treatment": Purpose.TREAT,
    "care": Purpose.TREAT,
    "emergency treatment": Purpose.ETREAT,
    "patient request": Purpose.PATRQT,
    "erasure": Purpose.PATRQT,
    "operations": Purpose.HOPERAT,
    "quality": Purpose.HQUALIMP,
    "quality improvement": Purpose.HQUALIMP,
    "data quality": Purpose.HQUALIMP,
    "monitoring": Purpose.HQUALIMP,
    "validation": Purpose.HQUALIMP,
    "external validation": Purpose.HQUALIMP,
    "quality and safety": Purpose.PATSFTY,
    "safety": Purpose.PATSFTY,
    "audit": Purpose.HCOMPL,
    "compliance": Purpose.HCOMPL,
    "approval": Purpose.HCOMPL,
    "consent": Purpose.HCOMPL,
    "governance": Purpose.HCOMPL,
    "access": Purpose.HSYSADMIN,
    "key management": Purpose.HSYSADMIN,
    "capacity planning": Purpose.HSYSADMIN,
    "continuity": Purpose.HSYSADMIN,
    "release": Purpose.HSYSADMIN,
    "data collection": Purpose.RECORDMGT,
    "de-identification": Purpose.RECORDMGT,
    "overview": Purpose.RECORDMGT,
    "model development": Purpose.SYSDEV,
    "development": Purpose.SYSDEV,
    "scoring": Purpose.SYSDEV,
    "test": Purpose.HTEST,
    "drill": Purpose.HTEST,
    "benchmark": Purpose.HTEST,
    "demonstration": Purpose.HTEST,
    "training": Purpose.TRAIN,
    "research": Purpose.HRESCH,
    "public health": Purpose.PUBHLTH,
    "payment": Purpose.HPAYMT,
    "marketing": Purpose.HMARKT,
}


def purpose_of(written: str) -> Purpose:
    """The purpose that somebody wrote, by its words or by its HL7 code.

    >>> purpose_of("Quality and safety").value, purpose_of("HRESCH").value, purpose_of("fun").value
    ('PATSFTY', 'HRESCH', 'UNKNOWN')
    """
    told = " ".join(written.split())
    if told.upper() in Purpose.__members__:
        return Purpose[told.upper()]
    return _WRITTEN.get(told.lower(), Purpose.UNKNOWN)
