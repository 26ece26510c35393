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


def source_of(named: str, *, beside: Path | None = None) -> Path:
    """The declaration of a source at this path, or the one of that name that ships with Bedside.

    Args:
        named: A path, or a name.
        beside: A model's folder: then `named` is only a name, and `NAME.yaml` in that folder comes
            before what ships.

    >>> source_of("cgm").name
    'cgm.yaml'
    """
    given = Path(named) if beside is None else beside / f"{Path(named).name}.yaml"
    shipped = Path(__file__).parent / "sources" / f"{Path(named).name}.yaml"
    return given if given.exists() or not shipped.is_file() else shipped
