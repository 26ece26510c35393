"""The key service of a team: keys that never leave the Transit engine of Vault or OpenBao."""

import base64
import binascii
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.key import KEYS, KeyState, KeyVersion
from bedside.infra.keys import envelope
from bedside.infra.keys.transit import Transit, strange

__all__ = ["VaultKeys"]

_SERVICE = "vault"
_TYPE = "aes256-gcm96"
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class VaultKeys:
    """The KeyService port on the Transit secrets engine.

    A key `raw` is the Transit key `PREFIX-raw`, of the kind that derives a key of its own from each
    context. So the context must be given again to decrypt, and a rotation can rewrap inside the
    service. (Transit's associated data would bind the context as well, but its `rewrap` does not
    take them.)

    Transit forgets a deleted key altogether, and makes a new one when somebody encrypts. So a
    destroyed key leaves a mark: a Transit key `PREFIX-raw-destroyed`, which encrypts nothing and
    has as many versions as the other had. It is looked for before every wrap. Give the token no
    `create` on `MOUNT/encrypt/*`; then Transit itself refuses to make a key in passing.

    Transit destroys versions from the oldest on. A copy of its storage brings a destroyed key back:
    keep such copies no longer than you must.

    Args:
        address: `https://host:port`; plain `http` for this machine alone.
        token: What Vault lets us in with; never shown.
        mount: Where the engine is mounted.
        prefix: The beginning of each Transit key's name; one workspace, one prefix.
        certificates: A file of certificates to trust instead of the usual ones.

    Raises:
        Invalid: the address would carry keys in clear, or the mount or prefix is not a name.
        Unavailable: `hvac` is not installed (code `not_installed`); from every method, when Vault
            does not answer or is sealed (`keys_unavailable`).
        Refused: from every method, when the token does not suffice (`keys_forbidden`), or the
            Transit key there was made in another way than ours (`key_unfit`).

    Source: HashiCorp's and OpenBao's documentation of the Transit API.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        mount: str = "transit",
        prefix: str = "bedside",
        certificates: Path | None = None,
    ) -> None:
        if _PREFIX.fullmatch(prefix) is None:
            raise Invalid(
                "The prefix of the keys is not a name.", fix="use letters, digits, - and _."
            )
        self._transit = Transit(address, token, mount, certificates)
        self._prefix = prefix
        self._ready: set[str] = set()  # keys seen to exist and to be of the right kind

    def close(self) -> None:
        """Close the connections."""
        self._transit.close()

    def wrap(self, data_key: bytes, key: str, context: str) -> str:
        """Encrypt a data key under the newest version of `key`; see the port."""
        envelope.checked_data_key(data_key)
        envelope.checked(key, context)
        self._make(key)
        answer = self._transit.ask(
            "encrypt_data",
            self._name(key),
            plaintext=_base64(data_key),
            context=_base64(context.encode()),
        )
        return _wrapped(answer, key)

    def unwrap(self, wrapped: str, key: str, context: str) -> bytes:
        """The data key again; see the port."""
        answer = self._open("decrypt_data", wrapped, key, context)
        try:
            return base64.b64decode(str(answer["plaintext"]), validate=True)
        except (KeyError, binascii.Error):
            raise strange() from None

    def rewrap(self, wrapped: str, key: str, context: str) -> str:
        """The same data key under the newest version of `key`; it does not leave the service."""
        return _wrapped(self._open("rewrap_data", wrapped, key, context), key)

    def rotate(self, key: str) -> int:
        """Make a new version of the key; return its number; see the port."""
        envelope.checked(key)
        if self._make(key):
            return 1
        self._transit.ask("rotate_key", self._name(key))
        return _number(self._transit.ask("read_key", self._name(key)), "latest_version")

    def destroy(self, key: str, *, version: int | None = None) -> None:
        """Destroy one version of the key, or all of it; see the port.

        Raises:
            NotFound: there is no such key or version.
            Refused: it is the newest of several (code `key_in_use`), or an older one still stands
                (`older_first`).
        """
        envelope.checked(key)
        told = self._transit.read(self._name(key))
        if told is None:
            mark = self._transit.read(self._mark(key))
            if mark is None or not 1 <= (version or 1) <= _number(mark, "latest_version"):
                raise envelope.no_such_version(key, version)
            return
        latest = _number(told, "latest_version")
        oldest = max(_number(told, "min_available_version"), 1)
        if version is not None and not 1 <= version <= latest:
            raise envelope.no_such_version(key, version)
        if version is None or version == latest == oldest:
            self._destroy_all(key, latest)
        elif version == latest:
            raise envelope.in_use(key, version)
        elif version > oldest:
            raise _older_first(key, oldest)
        elif version == oldest:
            self._trim(key, version + 1)

    def describe(self) -> list[KeyState]:
        """Every key that was made, and its versions, by name."""
        try:
            listed = self._transit.ask("list_keys").get("keys", [])
        except NotFound:
            return []
        states = []
        for key in sorted(KEYS):
            # A key that is still there is told as it is, even beside the mark of its destruction.
            gone = self._name(key) not in listed
            name = self._mark(key) if gone else self._name(key)
            if name in listed:
                told = self._transit.read(name) or {}
                where = f"Vault Transit at {self._transit.host}"
                states.append(KeyState(name=key, where=where, versions=_versions(told, gone=gone)))
        return states

    def _make(self, key: str) -> bool:
        """Make the key if it is new; whether it was."""
        if self._transit.read(self._mark(key)) is not None:
            self._ready.discard(key)
            raise envelope.key_destroyed(key)
        if key in self._ready:
            return False
        told = self._transit.read(self._name(key))
        new = told is None
        if told is None:
            self._transit.ask("create_key", self._name(key), key_type=_TYPE, derived=True)
            told = self._transit.read(self._name(key)) or {}
        if (told.get("type"), told.get("derived"), told.get("exportable")) != (_TYPE, True, False):
            raise _unfit(key)
        self._ready.add(key)
        return new

    def _open(self, what: str, wrapped: str, key: str, context: str) -> dict[str, Any]:
        """Ask for what needs the text opened; when Transit will not, say why."""
        envelope.checked(key, context)
        number, _ = envelope.unwritten(
            wrapped, service=_SERVICE, key=key, alphabet=envelope.STANDARD
        )
        try:
            return self._transit.ask(
                what, self._name(key), ciphertext=wrapped, context=_base64(context.encode())
            )
        except Invalid:
            told = self._transit.read(self._name(key))
            if told is None and self._transit.read(self._mark(key)) is not None:
                raise envelope.key_destroyed(key) from None
            if told is not None and number < _number(told, "min_available_version"):
                raise envelope.key_destroyed(key, number) from None
            raise envelope.wrong_key(key) from None

    def _trim(self, key: str, oldest: int) -> None:
        """Destroy every version before `oldest`."""
        name = self._name(key)
        # Two calls, in this order: hvac refuses equal minima in one, and Transit wants that new
        # wraps never lie below what still unwraps.
        self._transit.ask("update_key_configuration", name, min_encryption_version=oldest)
        self._transit.ask("update_key_configuration", name, min_decryption_version=oldest)
        self._transit.ask("trim_key", name, min_version=oldest)

    def _destroy_all(self, key: str, latest: int) -> None:
        """The mark goes first: a process that dies in between leaves a key that nobody uses."""
        name, mark = self._name(key), self._mark(key)
        self._transit.ask("create_key", mark, key_type=_TYPE, derived=True)
        made = _number(self._transit.ask("read_key", mark), "latest_version")
        for _ in range(made, latest):
            self._transit.ask("rotate_key", mark)
        self._transit.ask("update_key_configuration", name, deletion_allowed=True)
        self._transit.ask("delete_key", name)
        self._ready.discard(key)

    def _name(self, key: str) -> str:
        return f"{self._prefix}-{key}"

    def _mark(self, key: str) -> str:
        return f"{self._prefix}-{key}-destroyed"


def _versions(told: dict[str, Any], *, gone: bool) -> tuple[KeyVersion, ...]:
    latest, times = _number(told, "latest_version"), {} if gone else told.get("keys", {})
    oldest = latest + 1 if gone else _number(told, "min_available_version")
    return tuple(
        KeyVersion(
            number=number,
            state=_state(number, oldest, latest),
            made_at=_moment(times.get(str(number))),
        )
        for number in range(1, latest + 1)
    )


def _state(number: int, oldest: int, latest: int) -> Literal["current", "old", "destroyed"]:
    if number < oldest:
        return "destroyed"
    return "current" if number == latest else "old"


def _moment(seconds: object) -> str | None:
    return iso(datetime.fromtimestamp(seconds, UTC)) if isinstance(seconds, int) else None


def _number(told: dict[str, Any], name: str) -> int:
    if not isinstance(told.get(name), int):
        raise strange()
    return int(told[name])


def _wrapped(answer: dict[str, Any], key: str) -> str:
    wrapped = str(answer.get("ciphertext"))
    try:
        envelope.unwritten(wrapped, service=_SERVICE, key=key, alphabet=envelope.STANDARD)
    except Refused:
        raise strange() from None
    return wrapped


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _older_first(key: str, oldest: int) -> Refused:
    return Refused(
        f"Version {oldest} of the key '{key}' is older and still there; Vault destroys the oldest "
        "version first.",
        fix=f"destroy version {oldest} first, if it may go.",
        code="older_first",
    )


def _unfit(key: str) -> Refused:
    return Refused(
        f"The Transit key for '{key}' was not made by Bedside: it can be exported, or does not "
        "bind what it wraps to its place.",
        fix="give Bedside a prefix of its own, and let it make its keys.",
        code="key_unfit",
    )
