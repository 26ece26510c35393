"""The keys of a workspace: seen, rotated, destroyed; each is recorded."""

from dataclasses import dataclass

from bedside.core.errors import Invalid, Refused
from bedside.core.records.key import KEYS, KeyState
from bedside.core.records.policy import Act, Resource
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["Rotated", "destroy_key", "key_states", "rotate_key"]

NEEDED = frozenset({"ledger", "signing"})  # without these nothing of a workspace can be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """A key with a new version, and how many data keys and secrets that version wraps now."""

    key: str
    version: int
    data_keys: int
    secrets: int


def key_states(platform: Platform) -> list[KeyState]:
    """Every key that is in use, and its versions."""
    return platform.keys.describe()


def rotate_key(platform: Platform, key: str) -> Rotated:
    """Make a new version of a key and wrap every data key with it; no data file is touched.

    A run that was stopped is finished by running it again.

    Raises:
        Invalid: there is no such key.
        Refused: it was destroyed (code `key_destroyed`).
        Unavailable: the key service is out of reach, or another process holds the workspace.
    """
    enter(platform, Act.MANAGE_KEYS, Resource(name=key))
    _check(key)
    with platform.lock():
        version = platform.keys.rotate(key)
        with platform.progress.step(f"rewrap {key}") as advance:
            data_keys = platform.store.data_keys.rewrap(key, advance)
            secrets = platform.secrets.rewrap()
        done = {"key": key, "version": version, "data_keys_count": data_keys}
        platform.ledger.append(platform.actor, "key.rotate", done)
    return Rotated(key=key, version=version, data_keys=data_keys, secrets=secrets)


def destroy_key(platform: Platform, key: str, *, version: int | None = None) -> None:
    """Destroy a key or an old version of it; what it alone opened is lost for ever.

    Raises:
        Invalid: there is no such key.
        NotFound: there is no such version.
        Refused: it is the newest of several (code `key_in_use`), or a key without which the whole
            workspace is lost (`key_needed`).
    """
    enter(platform, Act.MANAGE_KEYS, Resource(name=key))
    _check(key)
    if version is None and key in NEEDED:
        raise Refused(
            f"The key '{key}' is not destroyed whole: without it not even the ledger opens.",
            fix="erase a subject with bedside data erase, or delete the whole workspace.",
            code="key_needed",
        )
    with platform.lock():
        told = {"key": key, "version": version}
        platform.ledger.append(platform.actor, "key.destroy", told)
        platform.keys.destroy(key, version=version)
        platform.store.data_keys.flush()


def _check(key: str) -> None:
    if key not in KEYS:
        raise Invalid("There is no such key.", fix=f"use one of: {', '.join(KEYS)}.")
