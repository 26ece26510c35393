"""Clinical uses on real data: each a folder with a declaration and a README. Deletable."""

from pathlib import Path

__all__ = ["folder_of", "source_of"]


def folder_of(named: str) -> Path:
    """The folder given, or the use case of that name that ships with Bedside.

    >>> folder_of("diagnosis").name
    'diagnosis'
    """
    given = Path(named)
    shipped = Path(__file__).parent / given.name
    return given if given.is_dir() or not shipped.is_dir() else shipped


def source_of(named: str) -> Path:
    """The declaration of a source at this path, or the one of that name that ships with Bedside.

    >>> source_of("cgm").name
    'cgm.yaml'
    """
    given = Path(named)
    shipped = Path(__file__).parent / "sources" / f"{given.name}.yaml"
    return given if given.exists() or not shipped.is_file() else shipped
