"""How each family of streams is judged: its part of the budget, its bars, and what is as before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["FAMILIES", "FamilyRules", "rules_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRules:
    """How the streams of one family are judged.

    Args:
        weight: Parts of the budget of false alarms that go to the family, of those that there are;
            within it every stream has the same, so a thousand inputs do not drown the performance.
        matters: The least change of the mean that matters, in the units of the stream's values;
            0: no mean is judged. A rare share has less, a rate more (`margins.matters`).
        spare: So many times lower than proved its bars are while the budget is measured. In
            undisturbed quarters the proved bars of inputs were never come near, and those of
            performance a quarter as often as allowed (docs/reference/alarms.md).
        errors: So many standard errors of the baseline's mean are as before whatever matters:
            there are many inputs, and of a thousand some three have a true mean further away.
    """

    weight: float
    matters: float = 0.0
    spare: float = 8.0
    errors: float = 3.0


FAMILIES: Final[Mapping[str, FamilyRules]] = {
    # Of performance there are few streams, and its drops are to be seen: two errors of a baseline
    # of 20,000 with 400 events would be half of a change of the rate by a fifth.
    # An AUROC of 0.80 or 0.795 is the same to a clinician.
    "discrimination": FamilyRules(weight=30.0, matters=0.005, spare=2.0, errors=0.7),
    # By shares of the observed rate: see `margins.matters`.
    "calibration": FamilyRules(weight=30.0, matters=0.0002, spare=2.0, errors=0.7),
    # Of 100 patients, 2 more without a value: less changes no score that anyone acts on.
    "missing": FamilyRules(weight=10.0, matters=0.02),
    # The typical patient moves from the middle to the 53rd of 100; a twelfth of a standard
    # deviation of a normal value, within what two laboratories differ by.
    "rank": FamilyRules(weight=8.0, matters=0.03),
    # The baseline has about 1 in 100 there: twice as many is the least that is worth a look.
    "beyond": FamilyRules(weight=8.0, matters=0.01),
    # The baseline has about 10 in 100 at either end: 3 more or fewer are as before.
    "tail": FamilyRules(weight=8.0, matters=0.03),
    # One group has fewer patients, and more of them are looked at: twice as much. With lower bars,
    # one group was named where it was everybody's outcomes that had changed.
    "group discrimination": FamilyRules(weight=6.0, matters=0.02, spare=1.0, errors=1.0),
    "group calibration": FamilyRules(weight=6.0, matters=0.005, spare=1.0, errors=1.0),
    "spread": FamilyRules(weight=4.0, matters=0.03),
    "level": FamilyRules(weight=4.0, matters=0.02),
    # Of 100 patients, 2 more under another code.
    "codes": FamilyRules(weight=4.0, matters=0.02),
    "score": FamilyRules(weight=4.0, matters=0.03),
    # Answers that fail or are withheld, or come late, are counted in single ones of 100.
    "answering": FamilyRules(weight=4.0, matters=0.01),
    # Of 100 patients, 2 alerts more or fewer: what a ward can still carry.
    "alert": FamilyRules(weight=3.0, matters=0.02),
    # How many questions come: judged by the counts of days (`detectors/volume.py`).
    "volume": FamilyRules(weight=3.0),
    "unlike": FamilyRules(weight=2.0, matters=0.02),
    # Of 100 outcomes, 5 that come later than usual: less is a holiday.
    "delay": FamilyRules(weight=1.0, matters=0.05),
}
"""By family of streams, and for the volume, which every version is watched by."""

_OTHER: Final = FamilyRules(weight=1.0)


def rules_of(family: str) -> FamilyRules:
    """The rules of a family; of one that is not in the table, those with the least weight.

    >>> rules_of("calibration").spare, rules_of("missing").spare
    (2.0, 8.0)
    """
    return FAMILIES.get(family, _OTHER)
