"""The page about a model that a card leads to: the packaged model card, and its address."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import parse_qsl, quote

from markdown_it import MarkdownIt
from markdown_it.token import Token
from starlette.requests import Request
from starlette.responses import Response

from bedside.core.clock import Clock
from bedside.core.errors import NotFound, Refused
from bedside.core.records.caller import Action, Caller
from bedside.serve.routes import WireRoute
from bedside.serve.service import Service

__all__ = ["CardLinks", "CardPages"]

_DAYS = 30  # how long an address on a card can be opened
_STYLE = (
    "body{font:16px/1.55 system-ui,sans-serif;color:#1d2129;background:#fff;max-width:48rem;"
    "margin:2.5rem auto;padding:0 1.25rem}h1{font-size:1.7rem;line-height:1.25}"
    "h2{font-size:1.2rem;margin-top:2rem;border-bottom:1px solid #d5d9df;padding-bottom:.25rem}"
    "table{border-collapse:collapse;display:block;overflow-x:auto}"
    "td,th{border:1px solid #d5d9df;padding:.3rem .6rem;text-align:left}"
    "code{background:#f1f3f5;padding:.1rem .25rem;overflow-wrap:anywhere}"
    "footer{margin-top:2.5rem;color:#565d67;font-size:.9rem}"
)
_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src "
    f"'sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)


class CardLinks:
    """Makes the addresses of the models' pages, and lets in whoever opens one of them.

    A page about a model holds no patient's data. Its address carries a seal for this one page that
    is good for 30 to 60 days, so that a clinician can open it from a card without an account.

    Args:
        base: The public address of this server, without a slash at its end.
        key: Seals the addresses; the same on every server of a workspace.
        clock: Says what day it is.
    """

    def __init__(self, base: str, key: bytes, clock: Clock) -> None:
        self._base, self._key, self._clock = base.rstrip("/"), key, clock

    def address(self, name: str) -> str:
        """The address of the page about a model."""
        today = self._clock.now().date()
        until = date.fromordinal(today.toordinal() // _DAYS * _DAYS) + timedelta(days=2 * _DAYS)
        seal = self._seal(name, until.isoformat())
        return f"{self._base}/models/{quote(name, safe='')}/card?until={until}&seal={seal}"

    def caller(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller | None:
        """Whoever opens a sealed address may see this page, and nothing else.

        Raises:
            Refused: its time is over.
        """
        parts = scope["path"].split("/")
        if len(parts) != 4 or (parts[1], parts[3]) != ("models", "card"):
            return None
        told = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        until, seal = told.get("until", ""), told.get("seal", "")
        if not hmac.compare_digest(seal.encode(), self._seal(parts[2], until).encode()):
            return None
        if self._clock.now().date().isoformat() > until:
            raise Refused(
                "This address is too old.", fix="open it from a newer card.", code="address_expired"
            )
        return Caller(name="card-link", scopes=frozenset({f"describe/{parts[2]}"}))

    def _seal(self, name: str, until: str) -> str:
        told = f"model-card\n{name}\n{until}".encode()
        return hmac.digest(self._key, told, "sha256").hex()[:32]


class CardPages:
    """`GET /models/NAME/card`: the model card in the bundle of the version that is described."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[WireRoute]:
        """The one route."""
        return [
            WireRoute(
                path="/models/{name}/card",
                methods=("GET",),
                endpoint=self.page,
                action=Action.DESCRIBE,
                model=lambda request: str(request.path_params["name"]),
            )
        ]

    async def page(self, request: Request) -> Response:
        """The model card as a page: no script, nothing loaded from anywhere."""
        model = self._service.model(request.path_params["name"])
        if not model.first.card:
            raise NotFound(
                "The bundle of this version holds no model card.", fix="build the model again."
            )
        title = model.declaration.title
        html = _page(model.first.card, title, f"{model.first.version_id}, {model.first.stage}")
        return Response(html, media_type="text/html", headers={"content-security-policy": _POLICY})


@lru_cache(maxsize=64)
def _page(card: bytes, title: str, version: str) -> str:
    """The Markdown of a card as HTML; HTML inside it is shown as text."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(card.decode())
    for token in tokens:
        token.children = _without_near_links(token.children or [])
    body = reader.renderer.render(tokens, reader.options, {})
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Model card: {escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"{body}</main><footer>Version {escape(version)}</footer></body></html>\n"
    )


def _without_near_links(tokens: list[Token]) -> list[Token]:
    """A link to a file beside the card in the bundle, which is not served, is only its text."""
    kept, near = [], False
    for token in tokens:
        if token.type == "link_open":
            near = not str(token.attrGet("href")).startswith(("https://", "http://"))
        if not (near and token.type in ("link_open", "link_close")):
            kept.append(token)
    return kept
