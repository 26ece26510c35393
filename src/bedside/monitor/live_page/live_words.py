"""What the page says to people: where a version stands, and what to do about each cause."""

from collections.abc import Sequence

from bedside.core.records.watch import Alarm, Cause

__all__ = ["ADVICE", "state_of"]

ADVICE: dict[Cause, str] = {
    "unit_change": "Ask the laboratory or the interface team since when the unit is another, and "
    "have the mapping corrected; treat risks since then as wrong.",
    "feed_lost": "Ask the interface team whether the feed runs, or whether its values come in "
    "another unit or code and are set aside; until it does, the risks rest on what is left.",
    "assay_bias": "Ask the laboratory about a new assay, device or calibration; have the model "
    "recalibrated if it is to stay.",
    "coding_change": "Ask who changed the codes or the entry form, and have the mapping corrected.",
    "case_mix": "Ask whether other patients are meant to be scored; check that the calibration "
    "holds for them once outcomes are known.",
    "new_site": "Check whether the intended use covers this place; validate the model there before "
    "its risks are relied on.",
    "season": "Check that the calibration holds during the wave, and wait for its end before the "
    "model is changed.",
    "prevalence": "Check how outcomes are recorded; if they are right, have the model "
    "recalibrated.",
    "label_delay": "Ask why outcomes come at other times; figures of performance lag until then.",
    "subgroup_only": "Stop relying on the risks of this group until the cause is found; look at "
    "its inputs and at how its outcomes are recorded.",
    "treatment_effect": "The model seems to work: do not recalibrate it to these outcomes, and "
    "judge it on patients on whom nobody acted.",
    "model_degraded": "Look for patients linked wrongly, or practice that changed; have the model "
    "retrained, and held if the risks mislead.",
    "volume": "Ask whether the wards that should ask still do.",
    "missed_run": "See that the scheduler runs, and run the monitor now.",
    "unknown": "Look at the evidence of the alarm with the people who know the data.",
}
"""By likely cause, what a person does first."""


def state_of(
    *, days: int, drawn: int, alarms: Sequence[Alarm], judged: int | None, streams: int
) -> tuple[str, str]:
    """Where the version stands: `moved`, `quiet` or `cannot_know`, and one sentence.

    Args:
        days: That are counted.
        drawn: Patients that count.
        alarms: That are not resolved.
        judged: Patients whose outcome is known; None: ten or fewer.
        streams: How many are watched.
    """
    if days == 0 or drawn <= 10 or streams == 0:
        return "cannot_know", "Too few patients have been asked about to say anything."
    if alarms:
        high = sum(alarm.severity == "high" for alarm in alarms)
        count = "One thing" if len(alarms) == 1 else f"{len(alarms)} things"
        if high:
            how = "the risks of patients may be wrong now"
        elif any(alarm.kind in ("performance", "fairness") for alarm in alarms):
            how = "the risks of patients do not come true as they should"
        else:
            how = "the risks of patients are not known to be wrong"
        return "moved", f"{count} moved by more than chance; {how}."
    if not judged:
        return "quiet", (
            "Nothing moved by more than chance in what can be known; whether the risks still come "
            "true cannot be known yet."
        )
    return "quiet", "Nothing moved by more than chance."
