"""Buildah behind the ImageBuilder port: images without a daemon, the same to the byte each time."""

import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from bedside.core.errors import Unavailable

__all__ = ["INSTALL", "BuildahImages"]

INSTALL = "apt-get install -y --no-install-recommends buildah"
_SECONDS = 1800
_MOST_TOLD = 300  # characters of what Buildah said


class BuildahImages:
    """Builds with its own storage, which is gone afterwards, and isolates by chroot.

    No time gets into the image: every file and the image itself are of 1970. It needs root, or a
    user with subordinate ids, and no cgroups.

    Args:
        scratch: Where its storage lies meanwhile; each layer is copied whole there.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._scratch = scratch

    def build(self, folder: Path, base: str | None, target: Path, name: str) -> str:
        """Build the `Containerfile` of a folder into an OCI image layout; return its digest.

        Raises:
            Unavailable: Buildah is not installed (code `no_builder`), or it failed
                (`build_failed`).
        """
        program = shutil.which("buildah")
        if program is None:
            raise Unavailable(
                "An image is built by Buildah, which is not installed.",
                fix=f"run: {INSTALL}; or build the Containerfile with another tool.",
                code="no_builder",
            )
        with TemporaryDirectory(dir=self._scratch, prefix="bedside-image-") as place:
            storage = [
                program, "--root", f"{place}/root", "--runroot", f"{place}/run",
                "--storage-driver", "vfs",
            ]  # fmt: skip
            try:
                arguments = [] if base is None else ["--build-arg", f"BASE={base}"]
                _run(
                    [
                        *storage, "build", "--isolation", "chroot", "--format", "oci",
                        "--timestamp", "0", "--layers=false", *arguments,
                        "--tag", name, "--file", str(folder / "Containerfile"), str(folder),
                    ]
                )  # fmt: skip
                _run([*storage, "push", "--quiet", name, f"oci:{target}:{name}"])
            finally:
                _run([*storage, "rmi", "--all", "--force"], must=False)
        index = json.loads((target / "index.json").read_bytes())
        digest: str = index["manifests"][0]["digest"]
        return digest


def _run(command: list[str], *, must: bool = True) -> None:
    """Run one command of Buildah.

    Raises:
        Unavailable: it failed, and it must not (code `build_failed`).
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own words and a folder of our own
            command, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        failed, said = done.returncode != 0, done.stderr.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        failed, said = True, type(error).__name__
    if failed and must:
        raise Unavailable(
            f"The image could not be built: {said[-_MOST_TOLD:]}",
            fix="see what it says; build the Containerfile yourself to see all of it.",
            code="build_failed",
        )
