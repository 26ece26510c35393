"""The public keys of a client, out of its JSON Web Key Set, and whether they signed a token."""

import json
import warnings
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from bedside.core.errors import Invalid

__all__ = ["JoseKeys"]

_SMALLEST_RSA = 2048  # bits; NIST SP 800-131A
_LARGEST_SET = 256 * 1024  # bytes
_MOST_KEYS = 100


class JoseKeys:
    """The Signatures port on keys that were read once and are kept as they are.

    Args:
        key_set: A JWKS as JSON. Keys of other kinds than EC P-384 and RSA of 2048 bits or more, or
            without a `kid`, or for another use than signing, are left out.

    Raises:
        Invalid: it is no key set, holds no key that can be used, a private one, or two of one kid.

    Source: RFC 7517; CDS Hooks 2.0, "Signing Algorithm".
    """

    def __init__(self, key_set: bytes) -> None:
        self._keys: dict[str, tuple[str, RSAKey | ECKey]] = {}
        for told in _told(key_set):
            if told.get("d") is not None:
                raise _unfit("holds a private key", "publish the public halves alone")
            kid = told.get("kid")
            found = _read(told)
            if not isinstance(kid, str) or found is None:
                continue
            if kid in self._keys:
                raise _unfit("holds two keys of one kid", "give each its own")
            self._keys[kid] = found
        if not self._keys:
            raise _unfit(
                "holds no key that can be used", "publish an EC P-384 or RSA key with a kid"
            )

    def is_signed(self, token: str) -> bool:
        """Whether one of the keys signed it, in the way that this key is for."""
        try:
            unread = jws.extract_compact(token.encode())
            algorithm, key = self._keys[str(unread.headers().get("kid"))]
            if unread.headers().get("alg") != algorithm:
                return False
            jws.deserialize_compact(token, key, algorithms=[algorithm])
        except (JoseError, ValueError, KeyError, TypeError, AttributeError):
            return False
        return True


def _told(key_set: bytes) -> list[Mapping[str, Any]]:
    try:
        keys = json.loads(key_set)["keys"] if len(key_set) <= _LARGEST_SET else None
    except (ValueError, TypeError, KeyError, RecursionError):
        keys = None
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise _unfit("cannot be read", "give a JSON Web Key Set")
    return [one for one in keys if isinstance(one, dict)]


def _read(told: Mapping[str, Any]) -> tuple[str, RSAKey | ECKey] | None:
    """The key and its algorithm; None where it is not for signing, or of another kind."""
    algorithm = {"EC": "ES384", "RSA": "RS384"}.get(str(told.get("kty")))
    if (
        algorithm is None
        or told.get("use", "sig") != "sig"
        or told.get("alg", algorithm) != algorithm
    ):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a short key is left out, not warned of
            if algorithm == "ES384":
                curve = ECKey.import_key(dict(told))
                return (algorithm, curve) if curve.curve_name == "P-384" else None
            key = RSAKey.import_key(dict(told))
            return (algorithm, key) if key.raw_value.key_size >= _SMALLEST_RSA else None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _unfit(problem: str, fix: str) -> Invalid:
    return Invalid(f"The key set of a client {problem}.", fix=f"{fix}.", code="key_set_unfit")
