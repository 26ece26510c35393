"""The key service of a team on AWS: each version of a key is a KMS key that never leaves AWS."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from bedside.core.errors import Invalid, Unavailable
from bedside.core.records.key import KEYS, KeyState, KeyVersion
from bedside.infra.keys import envelope
from bedside.infra.keys.kms import Kms, KmsKey, out_of_reach

__all__ = ["AwsKeys"]

_SERVICE = "aws"
_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,64}")


class AwsKeys:
    """The KeyService port on AWS KMS.

    Version 2 of the key `raw` is the KMS key behind the alias `alias/bedside/PREFIX/raw/v2`. AWS's
    own rotation is not used: it keeps the old material for ever, so nothing could be destroyed.

    Destroying disables the KMS key at once and has AWS delete it after seven days. When AWS deletes
    a key its aliases go too, and a version that nobody remembers would be made anew. So the alias
    is moved to one KMS key of the workspace, `alias/bedside/PREFIX/destroyed`, which encrypts
    nothing: an alias that points there is destroyed for ever.

    The context of each data key goes to AWS as its encryption context, and from there in clear into
    CloudTrail; Bedside's contexts are digests and names of its own, never a patient's.

    Args:
        client_options: What `boto3.client("kms", …)` takes: region, credentials, endpoint.
        prefix: One workspace, one prefix.

    Raises:
        Invalid: the prefix is not a name, or the options do not make a client.
        Unavailable: `boto3` is not installed (code `not_installed`); from every method, when KMS
            does not answer (`keys_unavailable`) or has a key disabled (`key_disabled`).
        Refused: from every method, when the credentials do not suffice (`keys_forbidden`).

    Source: AWS KMS API reference.
    """

    def __init__(self, client_options: Mapping[str, Any], prefix: str) -> None:
        if _PREFIX.fullmatch(prefix) is None:
            raise Invalid(
                "The prefix of the keys is not a name.", fix="use letters, digits, - and _."
            )
        self._prefix = prefix
        self._kms = Kms(client_options, f"alias/bedside/{prefix}/destroyed")
        self._newest: dict[str, int] = {}  # the newest version that was seen of each key

    def close(self) -> None:
        """Close the connections."""
        self._kms.close()

    def wrap(self, data_key: bytes, key: str, context: str) -> str:
        """Encrypt a data key under the newest version of `key`; see the port."""
        envelope.checked_data_key(data_key)
        envelope.checked(key, context)
        number, seen = self._current(key)
        answer = self._kms.ask(
            "encrypt", KeyId=seen.arn, Plaintext=data_key, EncryptionContext=_bound(key, context)
        )
        return envelope.wrapped_text(_SERVICE, number, answer["CiphertextBlob"])

    def unwrap(self, wrapped: str, key: str, context: str) -> bytes:
        """The data key again; see the port."""
        envelope.checked(key, context)
        seen, blob = self._wrapping(wrapped, key)
        answer = self._kms.ask(
            "decrypt",
            key=key,
            CiphertextBlob=blob,
            KeyId=seen.arn,
            EncryptionContext=_bound(key, context),
        )
        return bytes(answer["Plaintext"])

    def rewrap(self, wrapped: str, key: str, context: str) -> str:
        """The same data key under the newest version of `key`; it does not leave the service."""
        envelope.checked(key, context)
        seen, blob = self._wrapping(wrapped, key)
        number, newest = self._current(key)
        answer = self._kms.ask(
            "re_encrypt",
            key=key,
            CiphertextBlob=blob,
            SourceKeyId=seen.arn,
            SourceEncryptionContext=_bound(key, context),
            DestinationKeyId=newest.arn,
            DestinationEncryptionContext=_bound(key, context),
        )
        if answer["SourceKeyId"] != seen.arn:  # moto does not look at the key that we name
            raise envelope.wrong_key(key)
        return envelope.wrapped_text(_SERVICE, number, answer["CiphertextBlob"])

    def rotate(self, key: str) -> int:
        """Make a new version of the key; return its number; see the port."""
        envelope.checked(key)
        number = self._number(key)
        if number and self._there(key, number).state == "destroyed":
            raise envelope.key_destroyed(key)
        arn = self._kms.new(f"Bedside {self._prefix}: {key}")
        number += 1
        while not self._kms.named(self._alias(key, number), arn):  # another process was first
            number += 1
        self._newest[key] = number
        return number

    def destroy(self, key: str, *, version: int | None = None) -> None:
        """Destroy one version of the key, or all of it; see the port.

        It cannot be used from now on. AWS deletes it after seven days; until then an administrator
        of the AWS account can bring it back, and nobody else.

        Raises:
            NotFound: there is no such key or version.
            Refused: it is the newest of several (code `key_in_use`).
        """
        envelope.checked(key)
        seen = self._versions(key, self._kms.aliases())
        if not seen or (version is not None and not 1 <= version <= max(seen)):
            raise envelope.no_such_version(key, version)
        living = [number for number, one in seen.items() if one.state != "destroyed"]
        if version == max(seen) and len(living) > 1:
            raise envelope.in_use(key, max(seen))
        for number in sorted(seen) if version is None else [version]:
            if number in seen:
                self._kms.end(self._alias(key, number), seen[number].arn)

    def describe(self) -> list[KeyState]:
        """Every key that was made, and its versions, by name."""
        aliases = self._kms.aliases()
        found = {key: self._versions(key, aliases) for key in sorted(KEYS)}
        where = f"AWS KMS in {self._kms.region}"
        return [
            KeyState(name=key, where=where, versions=_described(seen))
            for key, seen in found.items()
            if seen
        ]

    def _current(self, key: str) -> tuple[int, KmsKey]:
        """The newest version, made if there is none."""
        number = self._number(key)
        if not number:
            number, arn = 1, self._kms.new(f"Bedside {self._prefix}: {key}")
            if not self._kms.named(self._alias(key, 1), arn):  # another process was first
                self._kms.discard(arn)
            self._newest[key] = number
        seen = self._there(key, number)
        if seen.state == "destroyed":
            raise envelope.key_destroyed(key)
        return number, _usable(key, seen)

    def _wrapping(self, wrapped: str, key: str) -> tuple[KmsKey, bytes]:
        """The version that a text names, and what KMS made of it.

        Its state is checked here and not left to KMS: the alias of a destroyed version points to
        the mark, and moto, the KMS of our tests, decrypts with a key that is pending deletion.
        """
        number, blob = envelope.unwritten(wrapped, service=_SERVICE, key=key)
        seen = self._kms.look(self._alias(key, number))
        if seen is None:
            raise envelope.wrong_key(key)
        if seen.state == "destroyed":
            raise envelope.key_destroyed(key, number)
        return _usable(key, seen), blob

    def _number(self, key: str) -> int:
        """The number of the newest version, 0 if there is none; sees what others have rotated."""
        if key not in self._newest:
            numbers = self._numbers(key, self._kms.aliases())
            if not numbers:
                return 0
            self._newest[key] = max(numbers)
        while self._kms.look(self._alias(key, self._newest[key] + 1)) is not None:
            self._newest[key] += 1
        return self._newest[key]

    def _numbers(self, key: str, aliases: list[str]) -> list[int]:
        start = self._alias(key, "")
        rests = [alias.removeprefix(start) for alias in aliases if alias.startswith(start)]
        return sorted(int(rest) for rest in rests if rest.isdecimal())

    def _versions(self, key: str, aliases: list[str]) -> dict[int, KmsKey]:
        return {number: self._there(key, number) for number in self._numbers(key, aliases)}

    def _there(self, key: str, number: int) -> KmsKey:
        seen = self._kms.look(self._alias(key, number))
        if seen is None:
            raise out_of_reach()
        return seen

    def _alias(self, key: str, number: int | str) -> str:
        return f"alias/bedside/{self._prefix}/{key}/v{number}"


def _bound(key: str, context: str) -> dict[str, str]:
    return {"bedside": "1", "key": key, "context": context}


def _usable(key: str, seen: KmsKey) -> KmsKey:
    if seen.state != "usable":
        raise Unavailable(
            f"The key '{key}' is disabled in AWS KMS.",
            fix="have an administrator of the AWS account enable it, or ask why it is not.",
            code="key_disabled",
        )
    return seen


def _described(seen: dict[int, KmsKey]) -> tuple[KeyVersion, ...]:
    return tuple(
        KeyVersion(
            number=number, state=_state(one, newest=number == max(seen)), made_at=one.made_at
        )
        for number, one in seen.items()
    )


def _state(seen: KmsKey, *, newest: bool) -> Literal["current", "old", "destroyed"]:
    if seen.state == "destroyed":
        return "destroyed"
    return "current" if newest else "old"
