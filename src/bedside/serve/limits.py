"""How much may wait at a server, and for how long."""

from dataclasses import dataclass

from bedside.core.errors import Invalid

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one server process.

    Args:
        deadline: Seconds after which a question is answered with the failure `timeout`.
        hang: Seconds that a model may take over one batch before its thread is given up.
        under_way: How many questions may be under way at once; one more is refused.
        beside: How many questions may wait for a version that nobody is shown.
        batch: How many questions share one run of the model at most.
        stuck: How many hung threads one version may have before the process has to be replaced.

    Raises:
        Invalid: one of them is not positive, or a hang is not noticed before the deadline.
    """

    deadline: float = 2.0
    hang: float = 0.5
    under_way: int = 256
    beside: int = 1024
    batch: int = 64
    stuck: int = 3

    def __post_init__(self) -> None:
        counts = (self.under_way, self.beside, self.batch, self.stuck)
        if min(counts) < 1 or not 0 < self.hang < self.deadline:
            raise Invalid(
                "A server with these limits could not answer.",
                fix="give counts of at least 1, and a hang shorter than the deadline.",
                code="limits",
            )
