"""The key service of one machine: every key in one local file, sealed with a passphrase or not."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.core.clock import Clock, iso
from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.records.key import KEYS, KeyState, KeyVersion
from bedside.infra.files import write_atomically
from bedside.infra.keys import envelope, private
from bedside.infra.keys.passphrase import checked_passphrase, new_salt, opened, sealed

__all__ = ["FileKeyring"]

_FORMAT = "bedside-keyring/1"
_SERVICE = "file"
_LENGTH = 32  # bytes: AES-256
_NONCE = 12  # bytes, AES-GCM: NIST SP 800-38D

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Version:
    made_at: str
    secret: bytes | None = field(repr=False)  # None: destroyed


_Ring = dict[str, list[_Version]]


class FileKeyring:
    """The KeyService port on one file, with mode 0600 in a folder with mode 0700.

    With a passphrase the file is sealed: who copies the disk or a backup has nothing. Without one
    it is plain JSON, and the keys are as safe as their owner's files. Either way, losing the file
    loses everything that its keys protect; keep a copy of it apart from the data.

    A destroyed version leaves the file at once and only its marker stays. What the disk keeps of
    replaced files, and copies of the keyring in backups, is out of this class's reach.

    Args:
        path: The file; made on first use. A lock file lies beside it.
        passphrase: What seals it, or None.
        clock: Says when a version was made.

    Raises:
        Invalid: the passphrase is blank.
        Refused: every method, when others can reach the file (code `key_exposed`), when it is
            damaged (`key_damaged`), or when the passphrase is missing, wrong (`wrong_passphrase`)
            or given for a file that is not sealed (`not_sealed`).
        Unavailable: every method, when the disk is full or refuses.

    Source: NIST SP 800-38D (AES-GCM): random nonces keep a version good for 2^32 wraps.
    """

    def __init__(self, path: Path, *, passphrase: str | None, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._passphrase = checked_passphrase(passphrase)
        self._salt: bytes | None = None
        self._seen: tuple[private.Stamp, _Ring] | None = None

    def wrap(self, data_key: bytes, key: str, context: str) -> str:
        """Encrypt a data key under the newest version of `key`; see the port.

        Raises:
            Invalid: there is no such key, the context is empty, or the data key's length is wrong.
            Refused: the key was destroyed (code `key_destroyed`).
        """
        envelope.checked_data_key(data_key)
        envelope.checked(key, context)
        versions = self._ring().get(key) or self._changed(lambda ring: self._made(ring, key))
        return _wrapped(versions, data_key, key, context)

    def unwrap(self, wrapped: str, key: str, context: str) -> bytes:
        """The data key again.

        Raises:
            Invalid: there is no such key, or the context is empty.
            Refused: its version was destroyed (code `key_destroyed`), or the text was changed, or
                belongs to another key, service or context (`wrong_key`).
        """
        envelope.checked(key, context)
        return _unwrapped(self._ring().get(key, []), wrapped, key, context)

    def rewrap(self, wrapped: str, key: str, context: str) -> str:
        """The same data key under the newest version of `key`; the same text if it is that already.

        Raises:
            Refused: as `unwrap`.
        """
        envelope.checked(key, context)
        versions = self._ring().get(key, [])
        data_key = _unwrapped(versions, wrapped, key, context)
        if envelope.version_of(wrapped) == len(versions):
            return wrapped
        return _wrapped(versions, data_key, key, context)

    def rotate(self, key: str) -> int:
        """Make a new version of the key; return its number.

        Raises:
            Refused: the key was destroyed (code `key_destroyed`).
        """
        envelope.checked(key)
        return len(self._changed(lambda ring: self._made(ring, key, again=True)))

    def destroy(self, key: str, *, version: int | None = None) -> None:
        """Destroy one version of the key, or all of it; doing it twice is once.

        Raises:
            NotFound: there is no such key or version.
            Refused: it is the newest of several (code `key_in_use`).
        """
        envelope.checked(key)
        self._changed(lambda ring: _destroy(ring, key, version))

    def describe(self) -> list[KeyState]:
        """Every key that was made, and its versions, by name."""
        where = "local file, sealed" if self._passphrase else "local file, without a passphrase"
        return [
            KeyState(name=name, where=where, versions=_described(versions))
            for name, versions in sorted(self._ring().items())
        ]

    def seal_with(self, passphrase: str | None) -> None:
        """Seal the file with another passphrase, or with None leave it in clear.

        A process that has the keyring open with the old passphrase is refused from then on.

        Raises:
            Invalid: the passphrase is blank.
        """
        given = checked_passphrase(passphrase)
        private.made_private(self._path.parent)
        with private.locked(self._lock):
            ring = self._ring()
            self._passphrase, self._salt = given, None
            self._write(ring)

    @property
    def _lock(self) -> Path:
        return self._path.with_name(f"{self._path.name}.lock")

    def _ring(self) -> _Ring:
        """The keys as they stand in the file now; read again when another process changed it."""
        private.made_private(self._path.parent)
        now = private.stamp(self._path)
        if self._seen is not None and self._seen[0] == now:
            return self._seen[1]
        found = private.read_private(self._path)
        if found is None:
            if self._seen is not None:
                raise private.damaged(self._path.name)
            return {}
        self._seen = (found[0], self._parsed(found[1]))
        return self._seen[1]

    def _changed(self, change: Callable[[_Ring], T]) -> T:
        private.made_private(self._path.parent)
        with private.locked(self._lock):
            ring = {name: list(versions) for name, versions in self._ring().items()}
            before = {name: list(versions) for name, versions in ring.items()}
            result = change(ring)
            if ring != before:
                self._write(ring)
            return result

    def _made(self, ring: _Ring, key: str, *, again: bool = False) -> list[_Version]:
        versions = ring.setdefault(key, [])
        if versions and versions[-1].secret is None:
            raise envelope.key_destroyed(key)
        if again or not versions:
            versions.append(_Version(iso(self._clock.now()), os.urandom(_LENGTH)))
        return versions

    def _write(self, ring: _Ring) -> None:
        keys = {name: [_told(version) for version in versions] for name, versions in ring.items()}
        content: dict[str, Any] = {"format": _FORMAT, "keys": keys}
        if self._passphrase is not None:
            self._salt = self._salt or new_salt()
            box = sealed(canonical_json(keys), self._passphrase, self._salt)
            content = {"format": _FORMAT, "sealed": box}
        write_atomically(self._path, canonical_json(content))
        now = private.stamp(self._path)
        self._seen = None if now is None else (now, ring)

    def _parsed(self, content: bytes) -> _Ring:
        try:
            told = json.loads(content)
            if told["format"] != _FORMAT:
                raise ValueError("another format")
            keys = told["keys"] if "keys" in told else self._unsealed(told["sealed"])
            ring = {name: [_version(one) for one in versions] for name, versions in keys.items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise private.damaged(self._path.name) from None
        if "keys" in told and self._passphrase is not None:
            raise Refused(
                "A passphrase is set, but the keyring is not sealed.",
                fix="seal it with the passphrase first, or unset BEDSIDE_KEY_PASSPHRASE.",
                code="not_sealed",
            )
        if not ring.keys() <= KEYS.keys():
            raise private.damaged(self._path.name)
        return ring

    def _unsealed(self, box: dict[str, Any]) -> Any:
        content, self._salt = opened(box, self._passphrase)
        return json.loads(content)


def _told(version: _Version) -> dict[str, str]:
    if version.secret is None:
        return {"state": "destroyed", "made_at": version.made_at}
    return {"key": base64.b64encode(version.secret).decode(), "made_at": version.made_at}


def _version(told: dict[str, str]) -> _Version:
    if told.get("state") == "destroyed":
        return _Version(str(told["made_at"]), None)
    secret = base64.b64decode(told["key"], validate=True)
    if len(secret) != _LENGTH:
        raise ValueError("a cut key")
    return _Version(str(told["made_at"]), secret)


def _label(key: str, number: int, context: str) -> bytes:
    return f"bedside-key/1:{key}:{number}:{context}".encode()


def _wrapped(versions: list[_Version], data_key: bytes, key: str, context: str) -> str:
    number, secret = len(versions), versions[-1].secret
    if secret is None:
        raise envelope.key_destroyed(key)
    nonce = os.urandom(_NONCE)
    box = nonce + AESGCM(secret).encrypt(nonce, data_key, _label(key, number, context))
    return envelope.wrapped_text(_SERVICE, number, box)


def _unwrapped(versions: list[_Version], wrapped: str, key: str, context: str) -> bytes:
    number, box = envelope.unwritten(wrapped, service=_SERVICE, key=key)
    if number > len(versions):
        raise envelope.wrong_key(key)
    secret = versions[number - 1].secret
    if secret is None:
        raise envelope.key_destroyed(key, number)
    try:
        return AESGCM(secret).decrypt(box[:_NONCE], box[_NONCE:], _label(key, number, context))
    except (InvalidTag, ValueError):
        raise envelope.wrong_key(key) from None


def _destroy(ring: _Ring, key: str, version: int | None) -> None:
    versions = ring.get(key)
    if not versions or (version is not None and not 1 <= version <= len(versions)):
        raise envelope.no_such_version(key, version)
    others = [old for old in versions[:-1] if old.secret is not None]
    if version == len(versions) and others:
        raise envelope.in_use(key, version)
    for index in range(len(versions)) if version is None else [version - 1]:
        versions[index] = replace(versions[index], secret=None)


def _described(versions: list[_Version]) -> tuple[KeyVersion, ...]:
    return tuple(
        KeyVersion(number=number, state=_state(version, versions[-1]), made_at=version.made_at)
        for number, version in enumerate(versions, start=1)
    )


def _state(version: _Version, newest: _Version) -> Literal["current", "old", "destroyed"]:
    if version.secret is None:
        return "destroyed"
    return "current" if version is newest else "old"
