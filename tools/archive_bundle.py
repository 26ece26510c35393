"""Packs the newest bundle of a workspace for `tests/archive`, with signature and public key."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

LARGEST = 300_000  # bytes


def members(workspace: Path, what: str, commit: str) -> dict[str, bytes]:
    """What goes into the file, by name."""
    bundles = workspace / "bundles"
    folders = [path for path in bundles.iterdir() if (bundles / f"{path.name}.sig").is_file()]
    newest = max(folders, key=lambda path: path.stat().st_mtime)
    about = {"commit": commit, "bundle": newest.name, "what": what}
    told = {
        f"bundles/{newest.name}/{path.name}": path.read_bytes() for path in sorted(newest.iterdir())
    }
    return told | {
        f"bundles/{newest.name}.sig": (bundles / f"{newest.name}.sig").read_bytes(),
        "trusted.pub": (workspace / "keys" / "signing.pub").read_bytes(),
        "about.json": (json.dumps(about, indent=2) + "\n").encode(),
    }


def pack(path: Path, contents: dict[str, bytes]) -> None:
    """Write the file; the same contents give the same bytes."""
    with zipfile.ZipFile(path, "x") as packed:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100600 << 16
            packed.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)


def main(workspace: str, target: str, what: str) -> int:
    """Pack it; the exit status is 1 where it is too large to keep."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 - the developer's own git
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    pack(Path(target), members(Path(workspace), what, commit))
    size = Path(target).stat().st_size
    print(f"{target}: {size:,} bytes.")
    if size > LARGEST:
        print(f"That is more than {LARGEST:,}: build with fewer trees and resamples.")
    return int(size > LARGEST)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
