"""What is most likely behind the streams that left their range: one alarm for each cause."""

from bedside.monitor.stream.drafts import AlarmDraft

__all__ = ["AlarmDraft"]
