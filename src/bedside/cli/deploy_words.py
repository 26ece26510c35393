"""What a person is told after a version was written to run elsewhere."""

from bedside.deploy.export.container_files import FORMS
from bedside.lifecycle.deploying import Deployed

__all__ = ["deployed_words", "forms_of"]


def forms_of(text: str) -> tuple[str, ...]:
    """The forms in an option; `all` is every one.

    >>> forms_of("compose,helm"), forms_of("all")
    (('compose', 'helm'), ('containerfile', 'compose', 'helm', 'oci'))
    """
    return FORMS if text == "all" else tuple(text.split(","))


def deployed_words(done: Deployed) -> str:
    """Where it lies, what may be done with it, and what is another than it was."""
    lines = [
        f"{done.version} as {', '.join(done.forms)} in {done.folder}: {done.files} files.",
        f"It is served there at the stage {done.stage}, as signed; to change that, export again.",
        f"The key that is trusted there has the SHA-256 {done.trusted}.",
    ]
    if done.image is not None:
        lines.append(f"The image is {done.image}, in the folder image.")
    if not done.offline:
        lines.append(
            "Building takes the libraries from a package index. To pack them: pip download "
            f"--no-deps -r {done.folder}/requirements.txt -d WHEELS, then --wheels WHEELS."
        )
    if done.canary_key is not None:
        lines.append(
            f"The key that draws a canary's patients is in {done.canary_key}. It is a secret: take "
            "it there on another way, as BEDSIDE_CANARY_KEY_FILE."
        )
    lines += [f"Another than when it was built: {one}." for one in done.changed]
    lines.append(f"Next: read {done.folder}/README.md.")
    return "\n".join(lines)
