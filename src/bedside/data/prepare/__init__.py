"""Clean events: canonical units, plausible values, and a count of everything that was set aside."""

from bedside.data.prepare.events import Preparation, prepare_events
from bedside.data.prepare.signals import prepare, quality_report

__all__ = ["Preparation", "prepare", "prepare_events", "quality_report"]
