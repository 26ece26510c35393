"""The finder of identifiers: every pass over a column of notes, and the union of what they find."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points

from bedside.core.errors import Invalid, NotFound, Unavailable
from bedside.core.records.identifier import IdentifierSpan
from bedside.privacy.text.known import KnownIdentifiers, find_known
from bedside.privacy.text.lists import Lists, bundled_lists
from bedside.privacy.text.repeats import repeats_in
from bedside.privacy.text.rules_pass import rules_for
from bedside.privacy.text.tagger import Tagger
from bedside.privacy.text.union import united
from bedside.privacy.text.weights import Weights

__all__ = ["NoteFinder", "NotePass", "plugged_in"]

GROUP = "bedside.deid_finders"

NotePass = Callable[[Sequence[str]], Sequence[Sequence[IdentifierSpan]]]
"""A plug-in: for a column of notes, the spans of each."""


class NoteFinder:
    """Finds what identifies somebody in notes: known, patterns, lists, labeller, plug-ins, repeats.

    Args:
        language: Of the notes, such as `en` or `es`.
        lists: Instead of the bundled lists.
        weights: Of a labeller that was trained here; None: rules alone.
        passes: Plug-ins by name; see `plugged_in`.
        doubt: As of `Tagger.find`.

    Raises:
        Invalid: the language has no patterns, or is not that of the labeller.
        Unavailable: the extra `deid` is not installed.
    """

    def __init__(
        self,
        language: str,
        *,
        lists: Lists | None = None,
        weights: Weights | None = None,
        passes: Mapping[str, NotePass] | None = None,
        doubt: float = 0.1,
    ) -> None:
        if weights is not None and weights.language != language:
            raise Invalid(
                "The labeller was trained on notes of another language.",
                fix="give the language of its notes, or another labeller.",
            )
        self.language = language
        self._lists = lists or bundled_lists()
        self._rules = rules_for(language, self._lists)
        self._tagger = Tagger(weights, self._rules) if weights is not None else None
        self._passes = dict(passes or {})
        self._doubt = doubt

    def find(
        self,
        notes: Sequence[str],
        known: Sequence[KnownIdentifiers | None] | None = None,
    ) -> list[list[IdentifierSpan]]:
        """For each note its identifiers, in order of place and without overlaps.

        Args:
            notes: The texts.
            known: For each note what the record knows of its patient, or None.

        Raises:
            Invalid: `known` has another length than `notes`.
            Unavailable: a plug-in failed, or gave a span outside its note.
        """
        if known is not None and len(known) != len(notes):
            raise Invalid(
                "There are not as many known identifiers as notes.",
                fix="give one for each note, None where nothing is known.",
            )
        if self._tagger is None:
            found = self._rules.find(notes)
        else:
            found, hints = self._rules.find_with_hints(notes)
            labelled = self._tagger.find(notes, doubt=self._doubt, hints=hints)
            for spans, more in zip(found, labelled, strict=True):
                spans.extend(more)
        if known is not None:
            for spans, text, of_patient in zip(found, notes, known, strict=True):
                if of_patient is not None:
                    spans.extend(find_known(text, of_patient))
        for name, plug_in in self._passes.items():
            _add_from(name, plug_in, notes, found)
        letters = self._lists.letters
        for spans, text in zip(found, notes, strict=True):
            spans.extend(repeats_in(text, tuple(spans), letters))
        return [united(spans) for spans in found]


def plugged_in(names: Sequence[str]) -> dict[str, NotePass]:
    """Plug-ins by the names of their entry points in the group `bedside.deid_finders`.

    None is loaded unless it is named: whatever is installed does not read notes by itself.

    Raises:
        NotFound: a name is not registered.
    """
    registered = {entry.name: entry for entry in entry_points(group=GROUP)}
    if missing := [name for name in names if name not in registered]:
        raise NotFound(
            f"{len(missing)} of the named finders are not installed.",
            fix=f"install the package that registers them in the group {GROUP}.",
        )
    return {name: registered[name].load() for name in names}


def _add_from(
    name: str, plug_in: NotePass, notes: Sequence[str], found: list[list[IdentifierSpan]]
) -> None:
    fault = Unavailable(
        f"The finder '{name}' failed, or gave a span that is not in its note.",
        fix="mend or leave out the plug-in.",
        code="finder_failed",
    )
    try:
        said = plug_in(notes)
    except Exception:
        raise fault from None
    if len(said) != len(notes):
        raise fault
    for of_note, text, spans in zip(found, notes, said, strict=True):
        for span in spans:
            if not 0 <= span.start < span.end <= len(text):
                raise fault
            of_note.append(
                IdentifierSpan(start=span.start, end=span.end, kind=span.kind, found_by=name)
            )
