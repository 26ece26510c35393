"""The line to Transit of Vault or OpenBao: where it may lead, and what its answers mean."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bedside.core.errors import Invalid, NotFound, Refused, Unavailable
from bedside.core.loopback import is_this_machine

__all__ = ["Transit", "strange"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TIMEOUT = (5.0, 20.0)  # seconds: to connect, to answer


class Transit:
    """Asks Transit by `hvac`, and gives back the `data` of its answers.

    Only the arguments say where the keys go: neither a proxy nor a password is taken from the
    environment, and a redirection is not followed, since the token would go along.

    Args:
        address: `https://host:port`; plain `http` for this machine alone.
        token: What Vault lets us in with.
        mount: Where the engine is mounted.
        certificates: A file of certificates to trust instead of the usual ones.

    Raises:
        Invalid: the address would carry keys in clear, or the mount is not a name.
        Unavailable: `hvac` is not installed (code `not_installed`).
    """

    def __init__(self, address: str, token: str, mount: str, certificates: Path | None) -> None:
        self.host = _checked_host(address)
        if _NAME.fullmatch(mount) is None:
            raise Invalid(
                "The mount of the keys is not a name.", fix="use letters, digits, - and _."
            )
        try:
            import requests  # noqa: PLC0415
            from hvac import exceptions  # noqa: PLC0415
            from hvac.adapters import JSONAdapter  # noqa: PLC0415
            from hvac.api.secrets_engines import transit  # noqa: PLC0415
        except ImportError:
            raise Unavailable(
                "Keys in Vault need the library hvac.",
                fix="run: pip install 'bedside[vault]'",
                code="not_installed",
            ) from None
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(certificates) if certificates else True
        self._engine = transit.Transit(
            JSONAdapter(
                base_uri=address,
                token=token,
                session=self._session,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        )
        self._mount = mount
        self._rejected, self._absent = exceptions.InvalidRequest, exceptions.InvalidPath
        self._forbidden = exceptions.Forbidden
        self._failed = (exceptions.VaultError, requests.RequestException)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def ask(self, what: str, *names: str, **given: Any) -> dict[str, Any]:
        """Do one thing, by the name of the method that `hvac` has for it.

        Its refusals become ours, and repeat nothing of what was sent.

        Returns:
            The answer's data; empty where Transit has nothing to say.

        Raises:
            NotFound: there is no such key.
            Invalid: Transit rejected what it was given.
            Refused: the token does not suffice (code `keys_forbidden`).
            Unavailable: Vault does not answer, is sealed, or something else answers there
                (code `keys_unavailable`).
        """
        try:
            answer = getattr(self._engine, what)(*names, mount_point=self._mount, **given)
        except self._absent:
            raise NotFound("Vault has no such key.", fix="run `bedside keys list`.") from None
        except self._rejected:
            raise Invalid("Vault rejected a request.", fix="look into Vault's audit log.") from None
        except self._forbidden:
            raise Refused(
                "Vault does not let this token use the keys.",
                fix="give a token whose policy allows the Transit keys of this prefix.",
                code="keys_forbidden",
            ) from None
        except self._failed:
            raise Unavailable(
                "Vault does not answer, or cannot.",
                fix="check its address and whether it is unsealed, and run the command again.",
                code="keys_unavailable",
            ) from None
        if not isinstance(answer, dict):
            if answer.status_code == 204:
                return {}
            raise strange()
        data = answer.get("data")
        if data is not None and not isinstance(data, dict):
            raise strange()
        return data or {}

    def read(self, name: str) -> dict[str, Any] | None:
        """What Transit tells of a key; None if there is none."""
        try:
            told = self.ask("read_key", name)
        except NotFound:
            return None
        if not told:
            raise strange()
        return told


def strange() -> Unavailable:
    """The error of an answer that Transit does not give."""
    return Unavailable(
        "What answered at Vault's address is not Vault's Transit engine.",
        fix="check the address and the mount, and that nothing in between answers or redirects.",
        code="keys_unavailable",
    )


def _checked_host(address: str) -> str:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    private = parts.scheme == "https" or (parts.scheme == "http" and is_this_machine(host))
    if not host or not private or parts.username or parts.query or parts.fragment:
        raise Invalid(
            "That is not an address to send keys to.",
            fix="give https://host:port; plain http is for this machine alone.",
        )
    return host
