"""How subjects are divided into those to learn from, to tune on and to be judged by."""

from dataclasses import dataclass

__all__ = ["SIDES", "Split"]

SIDES = ("train", "tuning", "held_out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Shares of whole subjects; the side of a subject never moves when others come.

    With `held_out_sites` or `held_out_from`, exactly the subjects whom they name are held out,
    and all others are for training and tuning, in the ratio of these two shares.

    Args:
        train: Share of the subjects to learn from.
        tuning: Share to tune and to calibrate on.
        held_out: Share to be judged by, where neither a site nor a time says who that is.
        salt: Another one draws other subjects.
        site: The signal that says at which site a subject is.
        held_out_sites: Everyone of these sites is held out.
        held_out_from: Whoever is asked about from this moment on (ISO 8601) is held out, and no
            earlier row of theirs is learnt from.
        group: The signal whose text keeps subjects together, such as a molecule's scaffold.
    """

    train: float = 0.64
    tuning: float = 0.16
    held_out: float = 0.20
    salt: str = "split-1"
    site: str | None = None
    held_out_sites: tuple[str, ...] = ()
    held_out_from: str | None = None
    group: str | None = None

    @property
    def names_the_held_out(self) -> bool:
        """Whether a site or a time, not a share, says who is held out."""
        return bool(self.held_out_sites) or self.held_out_from is not None
