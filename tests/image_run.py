"""Starts an image and asks it, in a network of its own: run by `test_deploy_image.py`."""

import fcntl
import http.client
import json
import os
import socket
import struct
import subprocess
import sys
import time
from contextlib import closing
from typing import Any

PORT = 8080
_SIOCSIFFLAGS = 0x8914  # netdevice(7)


def loopback_up() -> None:
    """A new network has a loopback that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = 1 | 64  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags, b""))


def metrics(token: str) -> tuple[int, str]:
    """What it tells a monitoring system."""
    with closing(http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)) as connection:
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"})
        with connection.getresponse() as response:
            return response.status, response.read().decode()


def ask(request: dict[str, Any], token: str) -> tuple[int, Any]:
    """One question to the server."""
    with closing(http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)) as connection:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/v2/models/diagnosis/infer", json.dumps(request), headers)
        with connection.getresponse() as response:
            return response.status, json.loads(response.read())


def main(work: dict[str, Any]) -> dict[str, Any]:
    """What the image does."""
    storage = ["buildah", "--root", f"{work['storage']}/root",
               "--runroot", f"{work['storage']}/run", "--storage-driver", "vfs"]  # fmt: skip
    done = subprocess.run(
        [*storage, "from", work["image"]], capture_output=True, text=True, check=True
    )
    container = done.stdout.strip()
    told = {
        "BEDSIDE_HOST": "0.0.0.0",  # noqa: S104 - as in any container
        "BEDSIDE_BEHIND_PROXY": "1",
        "BEDSIDE_TOKEN_SHA256_FILE": "/run/secrets/token_sha256",
        "BEDSIDE_KEY_PASSPHRASE_FILE": "/run/secrets/passphrase",
    }
    options = [text for name, value in told.items() for text in ("--env", f"{name}={value}")]
    run = [*storage, "run", "--isolation", "chroot", "--user", "65532:65532",
           "--volume", f"{work['secrets']}:/run/secrets:ro", *options, container, "--"]  # fmt: skip
    start = ["python3", "-m", "bedside.wiring.scoring"]
    loopback_up()
    found: dict[str, Any] = {"unhealthy": status([*run, *start, "--check"])}
    began = time.monotonic()
    server = subprocess.Popen([*run, *start])
    while server.poll() is None and time.monotonic() - began < 200:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", PORT)) == 0:
                break
        time.sleep(0.05)
    found["seconds"] = round(time.monotonic() - began, 1)
    found["status"], found["answer"] = ask(work["request"], work["token"])
    found["stranger"], _ = ask(work["request"], "another")
    found["observed"], found["metrics"] = metrics(work["token"])
    added = subprocess.run(
        [*run, *start, "--clients", "add", "ehr", "--scope", "describe/*"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    time.sleep(2.0)  # a running server knows a client within a second
    found["client"], _ = metrics(json.loads(added.stdout)["token"])
    found["healthy"] = status([*run, *start, "--check"])
    looked = subprocess.run(
        [*run, "python3", "-c", work["look"]], capture_output=True, text=True, check=True
    )
    found["looked"] = json.loads(looked.stdout)
    server.kill()
    return found


def status(command: list[str]) -> int:
    """How a command ended; what it printed goes where an error does."""
    return subprocess.run(command, check=False, stdout=sys.stderr).returncode


if __name__ == "__main__":
    result = main(json.loads(sys.argv[1]))
    print(json.dumps(result), flush=True)
    print(f"listens after {result['seconds']} s", file=sys.stderr)
    os._exit(0)
