"""The machine code of a scoring server: compiled when its image is built, and taken at a start.

Numba takes seconds to compile the features and the reasons, and keeps the result in a folder that
must be writable. An image's is not, so it is copied to one that is.
"""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["keep_code", "take_code"]

_ADDRESS = re.compile(rb"(?<= at 0x)[0-9a-f]+")


def take_code(environment: Mapping[str, str] = os.environ) -> None:
    """Copy what `BEDSIDE_COMPILED` holds to where Numba looks; without it, it compiles anew."""
    kept, target = environment.get("BEDSIDE_COMPILED"), environment.get("NUMBA_CACHE_DIR")
    if kept and target:
        with suppress(OSError, shutil.Error):
            Path(target).mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copytree(kept, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
            Path(target).chmod(0o700)  # the copy has taken on the mode of what was kept


def keep_code(release: Path, folder: Path) -> None:
    """Compile all that a server of this release does, and keep it; it must reproduce its example.

    The same release and libraries give the same bytes for one `PYTHONHASHSEED` and one
    `NUMBA_CPU_NAME`, on any machine of this kind: what Numba notes of addresses in this process's
    memory is put to zero. It only notes them to be printed.

    Args:
        release: As it was exported; it is opened and verified.
        folder: Where to; made here.

    Raises:
        Refused: the release is not as it was signed, or does not reproduce its worked example.
    """
    folder.mkdir(parents=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    from bedside.wiring.scoring_app import scoring_of  # noqa: PLC0415 - reads it when imported
    from bedside.wiring.scoring_settings import scoring_settings  # noqa: PLC0415

    with TemporaryDirectory() as scratch:
        token = Path(scratch) / "token"
        token.write_text("0" * 64)
        told = {
            "BEDSIDE_RELEASE": str(release),
            "BEDSIDE_STATE": str(Path(scratch) / "state"),
            "BEDSIDE_TOKEN_SHA256_FILE": str(token),
        }
        scoring_of(scoring_settings(told)).close()
    for path in sorted(folder.rglob("*.nbc")):
        path.write_bytes(_ADDRESS.sub(lambda found: b"0" * len(found[0]), path.read_bytes()))
