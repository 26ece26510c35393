"""What builds images of containers here."""

from bedside.core.ports import ImageBuilder

__all__ = ["image_builder"]


def image_builder() -> ImageBuilder:
    """Buildah; it says so itself where it is not installed."""
    from bedside.deploy.adapters.buildah import BuildahImages  # noqa: PLC0415

    return BuildahImages()
