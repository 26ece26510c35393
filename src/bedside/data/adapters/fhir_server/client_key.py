"""The private key that lets us in: it signs a short-lived statement of who we are."""

import json
import warnings
from datetime import datetime
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from bedside.core.errors import Invalid

__all__ = ["ClientKey"]

_SMALLEST_RSA = 2048  # bits; NIST SP 800-131A
_LIFETIME = 240  # seconds; SMART allows 300, and clocks differ


class ClientKey:
    """A private key as SMART Backend Services asks for: RSA (RS384) or EC P-384 (ES384).

    Args:
        private_key: PEM, or a JWK in JSON; never shown and never part of an error.
        key_id: The `kid` it is registered under; None for the JWK's own, or else its RFC 7638
            thumbprint.

    Raises:
        Invalid: it is no private key of these kinds, or too short (code `key_unfit`).

    Source: SMART App Launch 2.2, "Client Authentication: Asymmetric"; RFC 7523.
    """

    def __init__(self, private_key: bytes, key_id: str | None = None) -> None:
        self._key = _read(private_key)
        self.algorithm = "RS384" if isinstance(self._key, RSAKey) else "ES384"
        own = self._key.as_dict(private=False).get("kid")
        self.key_id = key_id or (own if isinstance(own, str) else None) or self._key.thumbprint()

    @staticmethod
    def generated() -> bytes:
        """A new private key, EC P-384 (ES384), as PEM."""
        return ECKey.generate_key("P-384").as_pem(private=True)

    def __repr__(self) -> str:
        return f"ClientKey(key_id={self.key_id!r}, algorithm={self.algorithm!r})"

    def assertion(self, client_id: str, audience: str, now: datetime) -> str:
        """A signed statement that we are `client_id`: good once, at `audience`, for 4 minutes."""
        moment = int(now.timestamp())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": str(uuid4()),
            "iat": moment,
            "exp": moment + _LIFETIME,
        }
        header = {"alg": self.algorithm, "kid": self.key_id, "typ": "JWT"}
        return jwt.encode(header, claims, self._key, algorithms=[self.algorithm])

    def public_set(self) -> dict[str, Any]:
        """The JSON Web Key Set to register at the server: the public half alone."""
        public = self._key.as_dict(private=False)
        return {"keys": [public | {"kid": self.key_id, "alg": self.algorithm, "use": "sig"}]}


def _read(private_key: bytes) -> RSAKey | ECKey:
    key = _imported(private_key)
    if key is None or not key.is_private:
        raise _unfit("is not a private key in PEM or JWK", "give an RSA or EC P-384 private key")
    if isinstance(key, RSAKey):
        if key.raw_value.key_size < _SMALLEST_RSA:
            raise _unfit(
                "is too short", f"make one of {_SMALLEST_RSA} bits or more, or an EC P-384 key"
            )
    elif key.curve_name != "P-384":
        raise _unfit("is on a curve that SMART does not use", "make an EC P-384 key")
    return key


def _imported(private_key: bytes) -> RSAKey | ECKey | None:
    # What these libraries raise may quote the key, so nothing of it goes on.
    text = private_key.strip()
    value: Any = text
    if text.startswith(b"{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
    for kind in (RSAKey, ECKey):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a short key is refused, not warned of
                return kind.import_key(value)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return None


def _unfit(problem: str, fix: str) -> Invalid:
    return Invalid(
        f"The private key for the FHIR server {problem}.", fix=f"{fix}.", code="key_unfit"
    )
