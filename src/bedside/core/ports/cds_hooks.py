"""What a CDS Hooks service asks of the outside: the client's FHIR server, its keys, its cards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["FindPrediction", "KnownPrediction", "PrefetchSource", "ReplayStore", "Signatures"]


class PrefetchSource(Protocol):
    """The FHIR servers that may be asked for what a call did not bring."""

    def fetch(self, server: str, token: str | None, queries: Mapping[str, str]) -> dict[str, bytes]:
        """The answer to each query, by its name, as JSON.

        All pages of a search come as one Bundle that leads no further.

        Args:
            server: Where the FHIR API begins, as the client says.
            token: What lets us in.
            queries: Paths below it, such as `Patient/1` or `Observation?patient=1`.

        Raises:
            Refused: the server is not one that may be asked, does not let us in, sends us
                elsewhere, or gives more than may be.
            Invalid: it answers what cannot be read.
            Unavailable: it is out of reach or too slow.
        """
        ...


class Signatures(Protocol):
    """The public keys of one CDS Hooks client."""

    def is_signed(self, token: str) -> bool:
        """Whether the signature of a JWT in its compact form is good.

        Only ES384 and RS384 count, with a key of the header's `kid` and of its kind.
        """
        ...


class ReplayStore(Protocol):
    """Remembers which tokens were used, for all servers of a workspace together."""

    def first_use(self, issuer: str, jti: str, *, expires: datetime) -> bool:
        """Note the use of a token until it expires; whether it is the first one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrediction:
    """A prediction that was made here: of which model and version, about which pseudonym."""

    model: str
    version: str
    subject: int | None = None
    shown: bool = True


class FindPrediction(Protocol):
    """Finds a prediction by its id."""

    def __call__(self, prediction_id: str, /) -> KnownPrediction | None:
        """It, or None where it was not made here."""
        ...
