"""The token that lets us in: fetched with our key, and renewed before it runs out."""

from datetime import datetime, timedelta
from http import HTTPStatus

from bedside.core.errors import Invalid, Refused
from bedside.core.web_address import WebAddress
from bedside.data.adapters.fhir_server.answers import (
    SmartConfiguration,
    TokenAnswer,
    oauth_error,
    read_answer,
)
from bedside.data.adapters.fhir_server.client_key import ClientKey
from bedside.data.adapters.fhir_server.wire import AGAIN, Answer, Wire, failure

__all__ = ["Access"]

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MARGIN = timedelta(seconds=30)  # a token that runs out sooner is renewed; or a fifth of its life
_LONGEST_LIFE = 24 * 3600.0  # seconds that a token is believed to live, whatever the server says


class Access:
    """SMART Backend Services: client credentials, with a signed statement in place of a password.

    Args:
        wire: The connections to the server.
        key: Our private key.

    Source: SMART App Launch 2.2, "Backend Services".
    """

    def __init__(self, wire: Wire, key: ClientKey) -> None:
        self._wire, self._key = wire, key
        self._endpoint: WebAddress | None = None
        self._token: str | None = None
        self._renew_at: datetime | None = None

    def header(self) -> dict[str, str]:
        """The header that lets us in.

        Raises:
            Refused: the server gives us no token (code `not_let_in`), or gives them elsewhere than
                declared (`other_origin`).
            Invalid: it does not tell where it gives tokens.
            Unavailable: it does not answer.
        """
        now = self._wire.clock.now()
        if self._token is None or self._renew_at is None or now >= self._renew_at:
            answer = self._fetch()
            life = timedelta(seconds=min(max(answer.expires_in, 0.0), _LONGEST_LIFE))
            self._token, self._renew_at = answer.access_token, now + life - min(_MARGIN, life / 5)
        return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        """The server no longer takes this token; the next time a new one is fetched."""
        self._token = None

    def _fetch(self) -> TokenAnswer:
        endpoint = self._endpoint = self._endpoint or self._found_endpoint()
        answer = self._wire.ask(
            "POST", endpoint, accept="application/json", form=lambda: self._form(endpoint)
        )
        if answer.status in {400, 401, 403}:
            raise _not_let_in(answer)
        if answer.status != HTTPStatus.OK:
            raise failure(answer, "a token")
        token = read_answer(answer.content, TokenAnswer, "The server's answer about a token")
        sound = token.access_token.isascii() and token.access_token.isprintable()
        if token.token_type.lower() != "bearer" or not token.access_token or not sound:
            raise Invalid(
                "The FHIR server gives a token of a kind that we cannot use.",
                fix="let it give bearer tokens.",
                code="answer_unreadable",
            )
        return token

    def _form(self, endpoint: WebAddress) -> dict[str, str]:
        """What is sent: a statement is good once, so each attempt signs its own."""
        client_id = self._wire.options.client_id or ""
        return {
            "grant_type": "client_credentials",
            "scope": self._wire.options.scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._key.assertion(
                client_id, endpoint.url, self._wire.clock.now()
            ),
        }

    def _found_endpoint(self) -> WebAddress:
        """Where tokens are given: as declared, or as the server tells."""
        options, what = self._wire.options, "The address for tokens"
        if options.token_url is not None:
            return WebAddress.read(options.token_url, what=what)
        known = self._wire.below_base(".well-known/smart-configuration")
        answer = self._wire.ask("GET", known, accept="application/json")
        if answer.status in AGAIN:
            raise failure(answer, "its SMART configuration")
        if answer.status != HTTPStatus.OK:
            raise Invalid(
                f"The FHIR server does not tell where it gives tokens (HTTP {answer.status}).",
                fix="declare token_url.",
                code="no_token_url",
            )
        told = read_answer(answer.content, SmartConfiguration, "The server's SMART configuration")
        signs = told.token_endpoint_auth_signing_alg_values_supported
        if signs and self._key.algorithm not in signs:
            raise Refused(
                f"The FHIR server does not take keys that sign with {self._key.algorithm}.",
                fix="give it an EC P-384 key in place of RSA, or the other way round.",
                code="key_unfit",
            )
        return self._wire.allowed(known.join(told.token_endpoint, what=what), what)


def _not_let_in(answer: Answer) -> Refused:
    told = oauth_error(answer.content)
    return Refused(
        f"The FHIR server gives us no token (HTTP {answer.status}{', ' + told if told else ''}).",
        fix="check the client id, that our public key is registered under its key id, and the "
        "scope.",
        code="not_let_in",
    )
