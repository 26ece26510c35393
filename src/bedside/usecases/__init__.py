"""Clinical uses on real data: each a folder with a declaration and a README. Deletable."""

from pathlib import Path

__all__ = ["folder_of"]


def folder_of(named: str) -> Path:
    """The folder given, or the use case of that name that ships with Bedside.

    >>> folder_of("diagnosis").name
    'diagnosis'
    """
    given = Path(named)
    shipped = Path(__file__).parent / given.name
    return given if given.is_dir() or not shipped.is_dir() else shipped
