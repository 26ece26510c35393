"""An electronic health record that signs its calls, as CDS Hooks says."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from served import NOW

__all__ = ["BASE", "Signer", "a_signer"]

BASE = "https://cds.example.org"


@dataclass
class Signer:
    """A client with its private key."""

    key: Any
    algorithm: str = "ES384"
    kid: str = "key-1"
    issuer: str = "https://ehr.example.org"
    header: dict[str, Any] = field(default_factory=dict)

    def claims(self, path: str, now: datetime = NOW, **changes: Any) -> dict[str, Any]:
        moment = int(now.timestamp())
        told = {
            "iss": self.issuer,
            "aud": f"{BASE}{path}",
            "exp": moment + 240,
            "iat": moment,
            "jti": changes.pop("jti", str(uuid4())),
        }
        return {key: value for key, value in (told | changes).items() if value is not None}

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        told = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT"} | header
        told = {key: value for key, value in told.items() if value is not None}
        registry = jws.JWSRegistry(algorithms=[told["alg"]], strict_check_header=False)
        return jws.serialize_compact(told, json.dumps(claims), self.key, registry=registry)

    def key_set(self) -> bytes:
        public = self.key.as_dict(private=False) | {"kid": self.kid, "use": "sig"}
        return json.dumps({"keys": [public]}).encode()


def a_signer(kind: str = "EC", **parts: Any) -> Signer:
    if kind == "RSA":
        return Signer(RSAKey.generate_key(2048), "RS384", **parts)
    if kind == "oct":
        return Signer(OctKey.generate_key(512), "HS384", **parts)
    return Signer(ECKey.generate_key("P-384"), **parts)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
