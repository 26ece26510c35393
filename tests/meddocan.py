"""The notes of MEDDOCAN, read from its archive."""

import zipfile
from functools import lru_cache

from bedside.privacy.text.annotated import AnnotatedNote, brat_note
from data_folder import data_folder

__all__ = ["meddocan"]


@lru_cache(maxsize=4)
def meddocan(part: str, count: int) -> list[AnnotatedNote]:
    """The first notes, by name, of `train` or `dev`."""
    with zipfile.ZipFile(data_folder("deid-meddocan") / "meddocan_brat.zip") as archive:
        names = sorted(n[:-4] for n in archive.namelist() if n.startswith(part) and ".ann" in n)
        return [
            brat_note(
                name, archive.read(f"{name}.txt").decode(), archive.read(f"{name}.ann").decode()
            )
            for name in names[:count]
        ]
