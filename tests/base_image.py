"""A base for images, made of this machine's own Python: no registry is asked."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

import pytest

__all__ = ["INSTALL", "a_base", "needed_tools"]

INSTALL = "apt-get install -y --no-install-recommends buildah"
_PROGRAMS = ("sh", "rm", "install")
_LIBRARIES = ("libstdc++.so.6", "libgcc_s.so.1", "librt.so.1", "libpthread.so.0", "libdl.so.2")
_UNUSED = ("site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo",
           "lib2to3", "__pycache__", "config-*")  # fmt: skip


def needed_tools() -> None:
    """Skip the test where an image cannot be built or run; in CI it fails."""
    missing = [name for name in ("buildah", "unshare") if shutil.which(name) is None]
    reason = f"{', '.join(missing)} is not installed; run: {INSTALL}" if missing else ""
    if not missing and os.geteuid() != 0:
        reason = "images are run by chroot, which needs root; run the test as root"
    if not reason:
        return
    if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def a_base(folder: Path) -> str:
    """An image in an OCI layout, with this Python, a shell and nothing else; for `--base`.

    Args:
        folder: Where it is made; nothing of it is kept elsewhere.
    """
    root = folder / "root"
    _fill(root)
    storage = ["buildah", "--root", f"{folder}/storage", "--runroot", f"{folder}/run",
               "--storage-driver", "vfs"]  # fmt: skip
    container = _said([*storage, "from", "scratch"])
    _said([*storage, "add", "--quiet", container, str(root), "/"])
    _said([*storage, "config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", container])
    image = _said([*storage, "commit", "--quiet", "--timestamp", "0", container])
    _said([*storage, "push", "--quiet", "--compression-format", "gzip", "--compression-level", "1",
           image, f"oci:{folder}/base:1"])  # fmt: skip
    _said([*storage, "rm", "--all"])
    _said([*storage, "rmi", "--all", "--force"])
    shutil.rmtree(root)
    return f"oci:{folder}/base:1"


def _fill(root: Path) -> None:
    """The interpreter where Python looks for it, and every shared library that it needs."""
    lib = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = Path(sys.base_prefix) / "bin" / version
    for path in ("usr/local/bin", "usr/local/lib", "usr/bin", "etc", "proc", "dev", "sys", "run"):
        (root / path).mkdir(parents=True)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    for link, target in (("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")):
        (root / target).mkdir(exist_ok=True, parents=True)
        (root / link).symlink_to(target)
    shutil.copytree(lib, root / "usr/local/lib" / version, ignore=shutil.ignore_patterns(*_UNUSED))
    shutil.copy2(program, root / "usr/local/bin" / version)
    (root / "usr/local/bin/python3").symlink_to(version)
    programs = [shutil.which(name) or pytest.fail(name) for name in _PROGRAMS]
    for name in programs:
        shutil.copy2(name, root / "usr/bin" / Path(name).name)
    loaded = [program, *(Path(one) for one in programs), *lib.glob("lib-dynload/*.so")]
    known = _known_libraries()
    found = {known[name] for name in _LIBRARIES if name in known}.union(*map(_needs, loaded))
    found = found.union(*map(_needs, found))
    for path in sorted(found):
        target = root / ("usr/lib64" if path.name.startswith("ld-linux") else "usr/lib") / path.name
        if not target.exists():
            shutil.copy2(path.resolve(), target)


@cache
def _needs(path: Path) -> frozenset[Path]:
    told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    return frozenset(map(Path, re.findall(r"(/\S+) \(0x", told)))


@cache
def _known_libraries() -> dict[str, Path]:
    told = _said(["ldconfig", "-p"], PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    lines = re.findall(r"^\s*(\S+) \(libc6,x86-64.*\) => (\S+)$", told, re.MULTILINE)
    return {name: Path(path) for name, path in reversed(lines)}


def _said(command: list[str], **more: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **more}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()
