"""Two feeds of which one is lost and comes back, after an alarm was told."""

import numpy as np

from alarming import VERSION
from bedside.core.clock import day_number
from bedside.core.records.watch import Recovery
from bedside.lifecycle.alarm_recovery import recover_alarms
from detected import a_baseline, a_day, a_stream

CREATININE, LACTATE = "missing:creatinine.last", "missing:lactate.last"
BASELINE = a_baseline(
    a_stream(CREATININE, mean=0.1, margin=0.05), a_stream(LACTATE, mean=0.1, margin=0.05)
)
EACH = 40
BACK, AWAY = (0.1, 0.1), (0.9, 0.1)


def days(alarm, *shares, first=1):
    """Days after an alarm was told; of each, the share without creatinine and without lactate."""
    told = day_number(alarm.steps[-1].at[:10])
    ones = [[np.arange(EACH) < round(share * EACH) for share in both] for both in shares]
    return [
        a_day(BASELINE, told + first + at, dict(zip((CREATININE, LACTATE), both, strict=True)))
        for at, both in enumerate(ones)
    ]


def recovered(platform, tallies, recovery=None):
    return recover_alarms(platform, VERSION, BASELINE, recovery or Recovery(), lambda _: tallies)
