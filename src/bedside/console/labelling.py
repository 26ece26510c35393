"""The labelling server: the notes of a sample, one at a time, for one person on this machine."""

import json
from collections.abc import Awaitable, Callable
from importlib import resources

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bedside.console.guard import Guard
from bedside.console.note_page import done_page, note_page
from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.lifecycle.note_labels import Labelling
from bedside.privacy.text.annotated import LabelledSpan

__all__ = ["labelling_app"]

_STATUS: dict[type[BedsideError], int] = {Invalid: 400, NotFound: 404, Refused: 403,
                                          Unavailable: 503}  # fmt: skip
_STATIC = {"label.js": "text/javascript", "label.css": "text/css"}
_Endpoint = Callable[[Request], Awaitable[Response]]


def labelling_app(labelling: Labelling, port: int) -> Guard:
    """The application; `address` is what the person opens, once.

    Args:
        labelling: The person's work.
        port: Where the server listens, on loopback.
    """

    async def start(_: Request) -> Response:
        first = labelling.next_open()
        ready = first is None or labelling.done == len(labelling.places)
        return RedirectResponse("/done" if ready else f"/notes/{first}", 303)

    async def note(request: Request) -> Response:
        shown = labelling.shown(request.path_params["place"])
        return HTMLResponse(note_page(labelling, shown))

    async def save(request: Request) -> Response:
        place = request.path_params["place"]
        labelling.save(place, _spans(await request.body()))
        after = labelling.shown(place).after
        return JSONResponse({"next": "/done" if after is None else f"/notes/{after}"})

    async def done(_: Request) -> Response:
        return HTMLResponse(done_page(labelling))

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _STATIC:
            raise NotFound("There is no such file.", fix="go back.")
        content = (resources.files("bedside.console") / "static" / name).read_bytes()
        return Response(content, media_type=_STATIC[name])

    app = Starlette(
        routes=[
            Route("/", _told(start), methods=["GET"]),
            Route("/done", _told(done), methods=["GET"]),
            Route("/notes/{place:int}", _told(note), methods=["GET"]),
            Route("/notes/{place:int}", _told(save), methods=["POST"]),
            Route("/static/{name:str}", _told(static), methods=["GET"]),
        ]
    )
    return Guard(app, port)


def _told(endpoint: _Endpoint) -> _Endpoint:
    """The endpoint; our errors in words, none of which repeats a note."""

    async def told(request: Request) -> Response:
        try:
            return await endpoint(request)
        except BedsideError as error:
            found = (code for kind, code in _STATUS.items() if isinstance(error, kind))
            said = {"error": error.problem, "fix": error.fix, "code": error.code}
            return JSONResponse(said, next(found, 500))

    return told


def _spans(body: bytes) -> list[LabelledSpan]:
    try:
        told = json.loads(body)["spans"]
        spans = [LabelledSpan(start=start, end=end, label=label) for start, end, label in told]
        if not all(
            type(s.start) is int and type(s.end) is int and type(s.label) is str for s in spans
        ):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Invalid(
            "These are no marks.", fix='send {"spans": [[start, end, "kind"]]}.'
        ) from None
    return spans
