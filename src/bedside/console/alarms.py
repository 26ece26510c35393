"""The alarms server: models in use, their alarms, and what a person does about one of them."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from importlib import resources
from re import DOTALL, findall
from typing import get_args
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bedside.console.alarm_pages import (
    MOST_WORDS,
    Form,
    alarm_page,
    error_page,
    overview_page,
    resolved_page,
)
from bedside.console.guard import Guard
from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.core.records.policy import Act, Resource
from bedside.lifecycle.alarm_account import alarm_told
from bedside.lifecycle.alarm_path import evidence_path
from bedside.lifecycle.alarms import acknowledge, assign, note, resolve
from bedside.lifecycle.door import enter
from bedside.lifecycle.in_use import in_use, live_page_of, open_alarms
from bedside.lifecycle.missed_runs import versions_in_use
from bedside.lifecycle.platform import Platform

__all__ = ["alarms_app"]

_STATUS: dict[type[BedsideError], int] = {Invalid: 400, NotFound: 404, Refused: 403,
                                          Unavailable: 503}  # fmt: skip
_MOST_FIELDS = 8
_Endpoint = Callable[[Request], Awaitable[Response]]


def alarms_app(platform: Platform, port: int) -> Guard:
    """The application; `address` is what the person opens, once.

    Every act goes through the verbs of alarms, in the name of the platform's actor, and lies in
    the ledger then.

    Args:
        platform: The workspace, opened by that person.
        port: Where the server listens, on loopback.
    """
    app = Starlette(
        routes=[
            Route("/", _told(_overview(platform)), methods=["GET"]),
            Route("/resolved", _told(_resolved(platform)), methods=["GET"]),
            Route("/alarms/{alarm:str}", _told(_alarm(platform)), methods=["GET"]),
            Route("/alarms/{alarm:str}/{form:str}", _told(_acted(platform)), methods=["POST"]),
            Route("/live/{mark:str}", _told(_live(platform)), methods=["GET"]),
            Route("/static/alarms.css", _told(_style), methods=["GET"]),
        ]
    )
    return Guard(app, port, forms=True)


def _overview(platform: Platform) -> _Endpoint:
    async def overview(_: Request) -> Response:
        models, alarms = in_use(platform), open_alarms(platform)
        return HTMLResponse(
            overview_page(models, alarms, who=platform.actor.name, now=platform.clock.now())
        )

    return overview


def _resolved(platform: Platform) -> _Endpoint:
    async def resolved(_: Request) -> Response:
        enter(platform, Act.MONITOR, Resource())
        every = [one for one in platform.alarms.all() if one.state == "resolved"]
        return HTMLResponse(resolved_page(every[::-1], who=platform.actor.name))

    return resolved


def _alarm(platform: Platform) -> _Endpoint:
    async def alarm(request: Request) -> Response:
        return HTMLResponse(_shown(platform, request.path_params["alarm"]))

    return alarm


def _acted(platform: Platform) -> _Endpoint:
    async def acted(request: Request) -> Response:
        name, form = request.path_params["alarm"], request.path_params["form"]
        if form not in get_args(Form):
            raise NotFound("There is no such form.", fix="go back to the alarm.")
        told = _fields(await request.body())
        try:
            _act(platform, name, form, told)
        except Invalid as wrong:
            page = _shown(platform, name, form=form, typed=told, wrong=wrong)
            return HTMLResponse(page, 400)
        return RedirectResponse(f"/alarms/{name}#steps", 303)

    return acted


def _live(platform: Platform) -> _Endpoint:
    async def live(request: Request) -> Response:
        enter(platform, Act.MONITOR, Resource())
        marked = [
            one
            for one in versions_in_use(platform)
            if one.bundle[:12] == request.path_params["mark"]
        ]
        page = live_page_of(platform, marked[0]) if marked else None
        if page is None:
            raise NotFound("There is no page of this version.", fix="run: bedside monitor MODEL.")
        content = page.read_bytes()
        return HTMLResponse(content, headers={"content-security-policy": _policy_of(content)})

    return live


async def _style(_: Request) -> Response:
    content = (resources.files("bedside.console") / "static" / "alarms.css").read_bytes()
    return Response(content, media_type="text/css")


def _shown(
    platform: Platform,
    name: str,
    *,
    form: str = "",
    typed: Mapping[str, str] | None = None,
    wrong: Invalid | None = None,
) -> str:
    told = alarm_told(platform, name)
    path = evidence_path(platform, platform.alarms.get(name))
    marks = {one.id: one.bundle[:12] for one in versions_in_use(platform)
             if live_page_of(platform, one) is not None}  # fmt: skip
    return alarm_page(
        told,
        path,
        who=platform.actor.name,
        now=platform.clock.now(),
        mark=marks.get(told["version"], ""),
        form=form,
        typed=typed or {},
        wrong=None if wrong is None else wrong.problem,
    )


def _act(platform: Platform, name: str, form: str, told: Mapping[str, str]) -> None:
    """What a form asks for, by the verb of alarms that does it."""
    text = told.get("text", "")
    if form == "acknowledge":
        acknowledge(platform, name, text=text)
    elif form == "assign":
        assign(platform, name, to=told.get("to", ""))
    elif form == "note":
        note(platform, name, text=text)
    else:
        resolve(platform, name, action=text, cause=told.get("cause"))


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form, each with line ends of one kind.

    Raises:
        Invalid: it is no form, or somebody wrote too much.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise Invalid("This is no form.", fix="go back, and send the form of the page.") from None
    told = {name: value.replace("\r\n", "\n") for name, value in pairs}
    if any(len(value) > MOST_WORDS for value in told.values()):
        raise Invalid("That is too long.", fix=f"write at most {MOST_WORDS:,} characters.")
    return told


def _policy_of(content: bytes) -> str:
    """That a page of the monitor is shown by its own styles alone, and runs and loads nothing."""
    styles = findall(rb"<style>(.*?)</style>", content, DOTALL)
    marks = " ".join(f"'sha256-{b64encode(sha256(one).digest()).decode()}'" for one in styles)
    return (
        f"default-src 'none'; style-src {marks or chr(39) + 'none' + chr(39)}; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )


def _told(endpoint: _Endpoint) -> _Endpoint:
    """The endpoint; our errors as a page."""

    async def told(request: Request) -> Response:
        try:
            return await endpoint(request)
        except BedsideError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
            return HTMLResponse(error_page(error.problem, error.fix), status)

    return told
