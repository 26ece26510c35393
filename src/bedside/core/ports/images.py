"""What builds an image of a container from a folder."""

from pathlib import Path
from typing import Protocol

__all__ = ["ImageBuilder"]


class ImageBuilder(Protocol):
    """Builds images, without a daemon and without any network."""

    def build(self, folder: Path, base: str | None, target: Path, name: str) -> str:
        """Build the `Containerfile` of a folder into an OCI image layout; return its digest.

        The same folder on the same base gives the same digest.

        Args:
            folder: With everything that the image is made of.
            base: The image that it stands on, as `Containerfile` names it if None.
            target: The folder of the layout; it must not be there yet.
            name: The image's tag in the layout.

        Raises:
            Unavailable: what builds is not installed (code `no_builder`), or it failed
                (`build_failed`).
        """
        ...
