"""What a split by site, time or group, and the folds of a cross-validation, must keep."""

from collections.abc import Iterator

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["split_mistakes"]

MOST_FOLDS = 100
LONGEST_SALT = 40  # bytes: the key of the digest ends at 64, and folds put words before it


def split_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of the split and the folds that the declaration breaks."""
    evaluation, path = declaration.evaluation, ("evaluation", "split")
    split = evaluation.split
    for key, name in (("site", split.site), ("group", split.group)):
        if name is not None:
            yield from _text_signal(declaration, name, key)
    if split.site is None and split.held_out_sites:
        yield Mistake(
            (*path, "held_out_sites"),
            "no signal says at which site a subject is",
            "add site: with the signal's name",
        )
    if split.site is not None:
        yield from _sites(declaration, split.site, split.held_out_sites)
    if split.held_out_from is not None:
        try:
            parse_instant(split.held_out_from)
        except Invalid as error:
            yield Mistake((*path, "held_out_from"), error.problem, error.fix.rstrip("."))
    if len(split.salt.encode()) > LONGEST_SALT:
        yield Mistake(
            (*path, "salt"), "the salt is too long", f"write at most {LONGEST_SALT} bytes"
        )
    if evaluation.folds and not 2 <= evaluation.folds <= MOST_FOLDS:
        yield Mistake(
            ("evaluation", "folds"),
            f"{evaluation.folds} folds cannot be made",
            f"write 2 to {MOST_FOLDS}, or 0 for no cross-validation",
        )


def _text_signal(declaration: Declaration, name: str, key: str) -> Iterator[Mistake]:
    """The signal is there, and says a text."""
    path = ("evaluation", "split", key)
    if name not in declaration.signals:
        yield Mistake(path, f"'{name}' is not a signal", nearest(name, declaration.signals))
        return
    signal = declaration.signals[name]
    if not signal.is_categorical and (signal.unit is not None or signal.role == "input"):
        yield Mistake(
            path,
            f"'{name}' says a number, not a text",
            "give the signal categories, or role: attribute and no unit",
        )


def _sites(declaration: Declaration, name: str, held_out: tuple[str, ...]) -> Iterator[Mistake]:
    """Some site is held out, and each is one that the signal can say."""
    if not held_out:
        yield Mistake(
            ("evaluation", "split", "site"),
            "a site without held_out_sites holds nobody out",
            "add held_out_sites: [...]",
        )
    signal = declaration.signals.get(name)
    if signal is None or signal.categories is None:
        return
    for site in held_out:
        if site not in signal.categories.values():
            yield Mistake(
                ("evaluation", "split", "held_out_sites"),
                f"'{site}' is not a category of '{name}'",
                nearest(site, signal.categories.values()),
            )
