"""Places where keys live, for the tests: two local files, a Transit engine and an AWS KMS.

The file keyrings are the product's own. The KMS is moto's server, a real process on loopback.
Vault is not packaged for the systems that the tests run on, so `TransitStandIn` is our own. It was
written from the public documentation of the Transit API, and where that is silent after what the
published engine does: versions, minima, trimming, deletion, derived keys, and keys that are made in
passing. It is no proof that a real Vault behaves so.

A place is told in JSON, so that another process can open it as well: `open_place(told)`.
"""

import base64
import binascii
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bedside.core.clock import SystemClock
from bedside.core.ports import KeyService
from bedside.infra.keys.aws import AwsKeys
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.vault import VaultKeys
from loopback import free_port

__all__ = [
    "PLACES",
    "TOKEN",
    "TransitStandIn",
    "close_place",
    "kms_server",
    "open_place",
    "racing",
    "transit_server",
]

PLACES = ("file", "sealed file", "vault", "aws")
PASSPHRASE = "a passphrase of the night shift"  # noqa: S105 - of the tests
TOKEN = "s.token-of-the-tests"  # noqa: S105 - of the tests


def open_place(told: dict[str, str]) -> KeyService:
    """Open the key service that lives in a place."""
    kind, where, prefix = told["kind"], told["where"], told["prefix"]
    if kind == "vault":
        return VaultKeys(where, TOKEN, prefix=prefix)
    if kind == "aws":
        options = {
            "region_name": "eu-central-1",
            "endpoint_url": where,
            "aws_access_key_id": "of-the-tests",
            "aws_secret_access_key": "of-the-tests",
        }
        return AwsKeys(options, prefix)
    passphrase = PASSPHRASE if kind == "sealed file" else None
    path = Path(where) / prefix / "keyring.json"
    return FileKeyring(path, passphrase=passphrase, clock=SystemClock())


def close_place(keys: KeyService) -> None:
    """Close its connections, if it has any."""
    if isinstance(keys, AwsKeys | VaultKeys):
        keys.close()


def racing(script: str, arguments: list[str], *, racers: int = 2) -> list[str]:
    """What processes print that are let go at the same moment; each reads a line first."""
    places = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(racers)
    ]
    for racer in started:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in started:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [racer.communicate(timeout=120)[0] for racer in started]
    assert [racer.returncode for racer in started] == [0] * racers
    return told


@contextmanager
def kms_server() -> Iterator[str]:
    """The address of a moto server, in a process of its own."""
    if find_spec("moto") is None:
        reason = "moto is not installed: pip install 'moto[kms,server]'"
        if os.environ.get("BEDSIDE_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _await(f"{address}/moto-api/", server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextmanager
def transit_server() -> Iterator["TransitStandIn"]:
    """A running stand-in of Vault."""
    stand_in = TransitStandIn()
    thread = Thread(target=stand_in.serve_forever, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.shutdown()
        thread.join()
        stand_in.server_close()


def _await(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the server ended at once"
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the server did not start within a minute")


class TransitStandIn(ThreadingHTTPServer):
    """The part of Vault's Transit engine that Bedside uses, mounted at `transit`.

    Our own, after the public API documentation; see the module. `broken` makes it answer every
    request in another way: a status, and an address to redirect to if there is one. With
    `answers_left` it answers so many requests and then fails.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys: dict[str, _TransitKey] = {}
        self.lock = Lock()
        self.broken: tuple[int, str] | None = None
        self.answers_left: int | None = None
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, name: str, *, derived: bool, exportable: bool) -> None:
        """Make a key, as an administrator would."""
        self.keys[name] = _TransitKey(derived=derived, exportable=exportable)

    def fails_now(self) -> tuple[int, str] | None:
        """How this request fails, if it does."""
        if self.answers_left is not None:
            self.answers_left -= 1
            if self.answers_left < 0:
                return 503, ""
        return self.broken


class _Rejected(Exception):
    """Status 400, with this message."""


class _TransitKey:
    """One named key of kind aes256-gcm96, and its versions."""

    def __init__(self, *, derived: bool, exportable: bool) -> None:
        self.derived, self.exportable = derived, exportable
        self.deletion_allowed = False
        self.available, self.decryption, self.encryption = 0, 1, 0
        self.secrets: dict[int, tuple[bytes, int]] = {}
        self.latest = 0
        self.rotate()

    def rotate(self) -> None:
        self.latest += 1
        self.secrets[self.latest] = os.urandom(32), int(time.time())

    def told(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "type": "aes256-gcm96",
            "derived": self.derived,
            "exportable": self.exportable,
            "deletion_allowed": self.deletion_allowed,
            "min_available_version": self.available,
            "min_decryption_version": self.decryption,
            "min_encryption_version": self.encryption,
            "latest_version": self.latest,
            "keys": {
                str(number): made
                for number, (_, made) in self.secrets.items()
                if number >= self.decryption
            },
        }

    def encrypt(self, plaintext: bytes, context: bytes) -> str:
        nonce = os.urandom(12)
        box = nonce + AESGCM(self._cipher_key(self.latest, context)).encrypt(nonce, plaintext, None)
        return f"vault:v{self.latest}:{base64.b64encode(box).decode()}"

    def decrypt(self, ciphertext: str, context: bytes) -> bytes:
        found = re.fullmatch(r"vault:v([0-9]+):(.*)", ciphertext, re.DOTALL)
        if found is None:
            raise _Rejected("invalid ciphertext: no prefix")
        number = int(found[1])
        if number > self.latest:
            raise _Rejected("invalid ciphertext: version is too new")
        if number < self.decryption:
            raise _Rejected("ciphertext or signature version is disallowed by policy (too old)")
        # As Go's decoder: line breaks are skipped, and the last bits that say nothing may be set.
        box = base64.b64decode(found[2].replace("\n", ""))
        try:
            return AESGCM(self._cipher_key(number, context)).decrypt(box[:12], box[12:], None)
        except (InvalidTag, ValueError):
            raise _Rejected("cipher: message authentication failed") from None

    def configure(self, given: dict[str, Any]) -> None:
        decryption = given.get("min_decryption_version", self.decryption) or 1
        encryption = given.get("min_encryption_version", self.encryption)
        if max(decryption, encryption) > self.latest:
            raise _Rejected("cannot set a minimum above the latest version")
        if 0 < encryption < decryption:
            raise _Rejected("min encryption version must not be below min decryption version")
        if self.available > min(decryption, encryption):
            raise _Rejected("a minimum must not be below min available version")
        self.decryption, self.encryption = decryption, encryption
        self.deletion_allowed = given.get("deletion_allowed", self.deletion_allowed)

    def trim(self, oldest: int) -> None:
        if self.encryption == 0:
            raise _Rejected("min available version needs a min encryption version")
        if not self.available <= oldest <= min(self.encryption, self.decryption) or oldest < 1:
            raise _Rejected("min available version must not be above the other minima")
        self.available = oldest
        self.secrets = {number: kept for number, kept in self.secrets.items() if number >= oldest}

    def _cipher_key(self, number: int, context: bytes) -> bytes:
        secret = self.secrets[number][0]
        if not self.derived:
            return secret
        if not context:
            raise _Rejected("missing 'context' for key derivation")
        return HKDF(hashes.SHA256(), 32, salt=None, info=context).derive(secret)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer goes out whole
    server: TransitStandIn

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length)
        path = urlsplit(self.path).path
        self.server.asked.append(f"{self.command} {path}")
        failure = self.server.fails_now()
        if failure is not None:
            self._send(*failure)
            return
        if self.headers.get("X-Vault-Token") != TOKEN:
            self._send(403, body={"errors": ["permission denied"]})
            return
        parts = path.strip("/").split("/")
        try:
            with self.server.lock:
                told = self._transit(parts, json.loads(content or b"{}"))
        except _Rejected as rejected:
            self._send(400, body={"errors": [str(rejected)]})
        except (binascii.Error, ValueError):
            self._send(400, body={"errors": ["illegal base64 data"]})
        else:
            if told is None:
                self._send(404, body={"errors": []})
            elif told:
                self._send(200, body={"data": told})
            else:
                self._send(204)

    do_GET = do_POST = do_DELETE = do_LIST = _answer  # noqa: N815 - the names the server calls

    def _transit(self, parts: list[str], given: dict[str, Any]) -> dict[str, Any] | None:
        """The answer's data; empty for none, None for 404."""
        if parts[:2] != ["v1", "transit"]:
            return None
        match self.command, parts[2:]:
            case "LIST", ["keys"]:
                return {"keys": sorted(self.server.keys)} if self.server.keys else None
            case _, ["keys", name]:
                return self._key(name, given)
            case "POST", ["keys", name, what]:
                return self._manage(name, what, given)
            case "POST", [what, name]:
                return self._use(name, what, given)
        return None

    def _key(self, name: str, given: dict[str, Any]) -> dict[str, Any] | None:
        keys = self.server.keys
        match self.command:
            case "GET":
                return keys[name].told(name) if name in keys else None
            case "POST":
                derived, exportable = given.get("derived", False), given.get("exportable", False)
                keys.setdefault(name, _TransitKey(derived=derived, exportable=exportable))
                return keys[name].told(name)
            case "DELETE":
                if name not in keys:
                    raise _Rejected("could not delete key; not found")
                if not keys[name].deletion_allowed:
                    raise _Rejected("deletion is not allowed for this key")
                del keys[name]
                return {}
        return None

    def _manage(self, name: str, what: str, given: dict[str, Any]) -> dict[str, Any] | None:
        found = self.server.keys.get(name)
        if found is None:
            raise _Rejected("no existing key of this name could be found")
        match what:
            case "rotate":
                found.rotate()
            case "config":
                found.configure(given)
            case "trim":
                found.trim(given["min_available_version"])
            case _:
                return None
        return found.told(name)

    def _use(self, name: str, what: str, given: dict[str, Any]) -> dict[str, Any] | None:
        context = base64.b64decode(given.get("context", ""))
        if what == "encrypt":  # the key is made in passing, as for a token that may create
            new = _TransitKey(derived=bool(context), exportable=False)
            found = self.server.keys.setdefault(name, new)
            plaintext = base64.b64decode(given["plaintext"], validate=True)
            return {"ciphertext": found.encrypt(plaintext, context), "key_version": found.latest}
        if name not in self.server.keys:
            raise _Rejected("encryption key not found")
        found = self.server.keys[name]
        plaintext = found.decrypt(given["ciphertext"], context)
        match what:
            case "decrypt":
                return {"plaintext": base64.b64encode(plaintext).decode()}
            case "rewrap":  # takes no associated data, and wraps anew even under the same version
                ciphertext = found.encrypt(plaintext, context)
                return {"ciphertext": ciphertext, "key_version": found.latest}
        return None

    def _send(self, status: int, location: str = "", body: dict[str, Any] | None = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
