"""What a person is told after an export or an import."""

from bedside.cli.words import built_words
from bedside.lifecycle.exporting import Exported
from bedside.lifecycle.package import Built

__all__ = ["exported_words", "imported_words"]


def exported_words(done: Exported) -> str:
    """Where it lies, and what it does not do."""
    lines = [
        f"{done.version} as an MLflow model in {done.folder}:",
        *(f"  {name:<17} {digest[:12]}…" for name, digest in sorted(done.files.items())),
        "It scores as the version does. It does not abstain, and does not alert.",
    ]
    if not done.gates_passed:
        lines.append("This version does NOT keep its gates.")
    if done.registered is not None:
        lines.append(f"Registered at the MLflow server as version {done.registered}.")
    return "\n".join(lines)


def imported_words(built: Built) -> str:
    """As after a build, and what is not known of the model."""
    told = built.evidence["training"]["imported"]
    return "\n".join(
        [
            f"Imported from MLflow ({told['flavour']}), as the files are that were given.",
            "Which patients it was learnt from is not known here: if some of them are among the "
            "held-out subjects, the figures are too good.",
            built_words(built),
        ]
    )
