"""A real FHIR server, on loopback and in a process of its own: Bulk Data, search, SMART's tokens.

Our own, written from the public specifications (Bulk Data Access 2.0, SMART App Launch 2.2, FHIR
R4), and no proof of how a hospital's server behaves. It serves a small built-in set of resources,
or a folder of `*.ndjson.gz`; or, once it is `live`, what transactions wrote into it. Under
`/control` the tests switch its faults on, and ask what it did.

As a program it prints its address, and ends when its input ends: so it never outlives the tests.
"""

import atexit
import gzip
import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, urlencode

import anyio
import httpx
import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fhir_store import Refusal, Store

__all__ = ["BUILT_IN", "DELETED", "ERRORS", "RunningFhirServer", "a_fhir_server", "running"]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SHOWN = "2026-03-01T12:00:00.123Z"
_NDJSON = "application/fhir+ndjson"
_FHIR = "application/fhir+json"


def _line(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource, ensure_ascii=False).encode() + b"\n"


def _patient(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "meta": {"lastUpdated": (EPOCH + timedelta(days=number)).isoformat()},
        "name": [{"family": f"Ünsal-{number}"}],
        "birthDate": f"19{40 + number}-02-03",
    }


def _observation(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "meta": {"lastUpdated": (EPOCH + timedelta(hours=number)).isoformat()},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "subject": {"reference": f"Patient/p{number % 7}"},
        "effectiveDateTime": "2026-01-02T08:00:00Z",
        "valueQuantity": {"value": 4.1, "unit": "mmol/L"},
    }


# A decimal keeps its zeros in FHIR, and json.dumps would lose them.
BUILT_IN: dict[str, list[bytes]] = {
    "Observation": [_line(_observation(n)).replace(b"4.1,", b"4.10,") for n in range(90)],
    "Patient": [_line(_patient(n)) for n in range(7)],
}
DELETED = [
    _line(
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{"request": {"method": "DELETE", "url": f"Patient/gone{n}"}}],
        }
    )
    for n in range(2)
]
ERRORS = [
    _line(
        {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "code": "exception", "diagnostics": "one is missing"}],
        }
    )
]


@dataclass
class Settings:
    """What the server does, and how it fails; a test changes these over `/control/set`."""

    auth: bool = True
    clients: dict[str, Any] = field(default_factory=dict)  # client id to JSON Web Key Set
    algorithms: list[str] = field(default_factory=lambda: ["RS384", "ES384"])
    smart: bool = True  # whether it tells its token endpoint
    token_seconds: float | None = 300
    token_endpoint: str | None = None
    turned: float = 0  # seconds that its clock is turned ahead
    levels: list[str] = field(default_factory=lambda: ["system", "patient", "group"])
    polls: int = 1  # how often it says that it is not ready
    retry_after: str | None = "3"
    progress: str = "50% complete"
    busy: dict[str, int] = field(default_factory=dict)  # 429 so often, by what is asked
    failing: dict[str, list[int]] = field(default_factory=dict)  # these statuses first, likewise
    body: str = "{}"  # of those failures
    redirected: dict[str, str] = field(default_factory=dict)
    file_lines: int = 30
    plain: bool = False  # files without gzip
    requires_token: bool = True
    elsewhere: dict[str, str] = field(default_factory=dict)  # another origin for status, file, next
    counts_wrong: int = 0  # added to each count in the manifest
    dropped: dict[str, int] = field(default_factory=dict)  # so often, halfway
    stalled: list[str] = field(default_factory=list)  # half of the file, and then nothing
    cut: dict[str, int] = field(default_factory=dict)  # gzip that ends early, so often
    replaced: dict[str, str] = field(default_factory=dict)  # a file's content
    bomb: str | None = None  # the file that unpacks to 200 MB
    changing: str | None = None  # the file that is another each time
    split_manifest: bool = False
    paging: str = "honest"  # or endless, circle, relative
    pretty: bool = False
    outcome: bool = False  # an OperationOutcome beside the entries
    page_body: str | None = None
    folder: str | None = None
    live: bool = False  # reads and searches show what transactions wrote
    lost: int = 0  # so often, a transaction is carried out and its answer never comes


@dataclass
class Job:
    """One export."""

    polls: int
    files: dict[str, tuple[str, str, list[bytes]]]  # name: kind, type, lines


class Server:
    """Everything it knows."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.settings = Settings()
        self.counts: Counter[str] = Counter()
        self.asked: list[dict[str, str]] = []
        self.tokens: dict[str, float] = {}
        self.statements: set[str] = set()
        self.jobs: dict[str, Job] = {}
        self.resources = BUILT_IN
        self.store = Store()
        self.address = ""

    def chosen(self, types: str | None, since: str | None) -> dict[str, list[bytes]]:
        wanted = set(types.split(",")) if types else set(self.resources)
        after = datetime.fromisoformat(since) if since else None
        return {
            kind: [line for line in lines if after is None or _updated(line) >= after]
            for kind, lines in self.resources.items()
            if kind in wanted
        }


SERVER = Server()


def _updated(line: bytes) -> datetime:
    return datetime.fromisoformat(json.loads(line)["meta"]["lastUpdated"])


def _what(request: Request) -> str:
    """What is asked for, as the tests name it: kick-off, token, status, a file, a type."""
    parts = request.url.path.strip("/").split("/")
    if parts[-1] == "$export":
        return "kick-off"
    if parts[0] == "jobs":
        return "remove" if request.method == "DELETE" else "status"
    return parts[-1]


def _fails(request: Request) -> Response | None:
    """How this request fails, if it does."""
    what, settings = _what(request), SERVER.settings
    SERVER.counts[what] += 1
    if settings.busy.get(what, 0) > 0:
        settings.busy[what] -= 1
        return Response(status_code=429, headers={"Retry-After": "7"})
    if settings.failing.get(what):
        return Response(settings.body, settings.failing[what].pop(0), media_type=_FHIR)
    if what in settings.redirected:
        return Response(status_code=302, headers={"Location": settings.redirected[what]})
    return None


def _now() -> float:
    return time.time() + SERVER.settings.turned


def _lets_in(request: Request) -> Response | None:
    if not SERVER.settings.auth:
        return None
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if SERVER.tokens.get(token, 0) > _now():
        return None
    SERVER.counts["not let in"] += 1
    return JSONResponse({"resourceType": "OperationOutcome", "issue": [{"code": "login"}]}, 401)


async def smart(request: Request) -> Response:
    if failed := _fails(request):
        return failed
    if not SERVER.settings.smart:
        return Response(status_code=404)
    told = {
        "token_endpoint": SERVER.settings.token_endpoint or f"{_address(request)}/token",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": SERVER.settings.algorithms,
    }
    return JSONResponse(told)


async def token(request: Request) -> Response:
    if failed := _fails(request):
        return failed
    form = dict(parse_qsl((await request.body()).decode()))
    try:
        error = _judged(form, f"{_address(request)}/token")
    except (JoseError, ValueError, KeyError) as wrong:
        error = f"invalid_client: {type(wrong).__name__}"
    if error:
        SERVER.counts[error] += 1
        told = {"error": error.partition(":")[0], "error_description": "of patient Ünsal"}
        return JSONResponse(told, 400)
    given = token_urlsafe()
    seconds = SERVER.settings.token_seconds
    SERVER.tokens[given] = _now() + (300 if seconds is None else seconds)
    answer: dict[str, Any] = {
        "access_token": given, "token_type": "bearer", "scope": form["scope"],
    }  # fmt: skip
    return JSONResponse(answer if seconds is None else answer | {"expires_in": seconds})


def _judged(form: dict[str, str], audience: str) -> str:
    """Why this is no way in; empty if it is one."""
    if form["grant_type"] != "client_credentials":
        return "unsupported_grant_type"
    if form["client_assertion_type"] != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
        return "invalid_request"
    if not all(part.startswith("system/") for part in form["scope"].split()):
        return "invalid_scope"
    keys = [key for jwks in SERVER.settings.clients.values() for key in jwks["keys"]]
    statement = jwt.decode(
        form["client_assertion"], KeySet.import_key_set({"keys": keys}), ["RS384", "ES384"]
    )
    claims, now = statement.claims, _now()
    registered = SERVER.settings.clients.get(claims["iss"], {"keys": []})["keys"]
    judged = {
        "another's key": statement.header["kid"] in [key["kid"] for key in registered],
        "not for here": claims["sub"] == claims["iss"] and claims["aud"] == audience,
        "at the wrong time": now - 5 < claims["exp"] <= now + 300,
        "used twice": claims["jti"] not in SERVER.statements,
    }
    if wrong := [reason for reason, right in judged.items() if not right]:
        return f"invalid_client: {wrong[0]}"
    SERVER.statements.add(claims["jti"])
    return ""


def _address(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


async def kick_off(request: Request, level: str) -> Response:
    if failed := _fails(request) or _lets_in(request):
        return failed
    if level not in SERVER.settings.levels:
        return Response(status_code=404)
    if request.headers.get("Prefer") != "respond-async":
        return Response(status_code=400)
    asked = dict(request.query_params)
    filters = request.query_params.getlist("_typeFilter")
    group = request.path_params.get("group", "")
    SERVER.asked.append(asked | {"level": level, "group": group, "filters": "|".join(filters)})
    files: dict[str, tuple[str, str, list[bytes]]] = {}
    size = SERVER.settings.file_lines
    for kind, lines in SERVER.chosen(asked.get("_type"), asked.get("_since")).items():
        for place, first in enumerate(range(0, len(lines), size)):
            files[f"{kind}.{place}"] = "output", kind, lines[first : first + size]
    files["errors"] = "error", "OperationOutcome", ERRORS
    if "_since" in asked:
        files["deleted"] = "deleted", "Bundle", DELETED
    name = f"job{len(SERVER.jobs) + 1}"
    SERVER.jobs[name] = Job(SERVER.settings.polls, files)
    where = SERVER.settings.elsewhere.get("status", _address(request))
    return Response(status_code=202, headers={"Content-Location": f"{where}/jobs/{name}"})


async def status(request: Request) -> Response:
    if failed := _fails(request) or _lets_in(request):
        return failed
    name, settings = request.path_params["job"], SERVER.settings
    job = SERVER.jobs.get(name)
    if job is None:
        return Response(status_code=404)
    if request.method == "DELETE":
        del SERVER.jobs[name]
        return Response(status_code=202)
    if job.polls > 0:
        job.polls -= 1
        headers = {"X-Progress": settings.progress}
        if settings.retry_after is not None:
            headers["Retry-After"] = settings.retry_after
        return Response(status_code=202, headers=headers)
    here = settings.elsewhere.get("file", _address(request))
    ending = "" if settings.requires_token else "?signature=of-the-tests"
    told: dict[str, Any] = {
        "transactionTime": SHOWN,
        "request": f"{_address(request)}/fhir/$export",
        "requiresAccessToken": settings.requires_token,
        "output": [], "error": [], "deleted": [],
    }  # fmt: skip
    second = settings.split_manifest and "page" in request.query_params
    half = len(job.files) // 2
    for place, (file, (list_name, kind, lines)) in enumerate(job.files.items()):
        if not settings.split_manifest or (place >= half) == second:
            url = f"{here}/files/{name}/{file}{ending}"
            count = len(lines) + settings.counts_wrong
            told[list_name].append({"type": kind, "url": url, "count": count})
    if settings.split_manifest and not second:
        told["link"] = [{"relation": "next", "url": f"{_address(request)}/jobs/{name}?page=2"}]
    return JSONResponse(told)


async def file(request: Request) -> Response:
    name, settings = request.path_params["file"], SERVER.settings
    if failed := _fails(request):
        return failed
    if settings.requires_token and (failed := _lets_in(request)):
        return failed
    if not settings.requires_token and (
        "Authorization" in request.headers or request.url.query != "signature=of-the-tests"
    ):
        return Response(status_code=403)
    job = SERVER.jobs.get(request.path_params["job"])
    if job is None or name not in job.files:
        return Response(status_code=404)
    content = b"".join(job.files[name][2])
    if name in settings.replaced:
        content = settings.replaced[name].encode()
    if name == settings.changing:
        content = content.replace(b"Observation", f"Observation{time.time_ns()}".encode())
    if name == settings.bomb:
        content = b'{"resourceType":"Observation"}\n' * (200_000_000 // 31)
    packed = not settings.plain and "gzip" in request.headers.get("Accept-Encoding", "")
    if packed:
        content = gzip.compress(content, 1)
    if settings.cut.get(name, 0) > 0:
        settings.cut[name] -= 1
        content = content[: len(content) * 2 // 3]
    headers = {"Content-Length": str(len(content))}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return StreamingResponse(_sent(name, content), media_type=_NDJSON, headers=headers)


async def _sent(name: str, content: bytes) -> AsyncIterator[bytes]:
    """The content; or half of it, when the connection is to break or to stall."""
    settings, half = SERVER.settings, len(content) // 2
    yield content[:half]
    if settings.dropped.get(name, 0) > 0:
        settings.dropped[name] -= 1
        raise ConnectionError("dropped by the tests")
    while name in SERVER.settings.stalled:
        await anyio.sleep(0.02)
    yield content[half:]


async def search(request: Request) -> Response:
    if failed := _fails(request) or _lets_in(request):
        return failed
    kind, asked, settings = request.path_params["kind"], request.query_params, SERVER.settings
    SERVER.asked.append(dict(asked))
    if settings.page_body is not None:
        return Response(settings.page_body, media_type=_FHIR)
    if settings.live:
        try:
            found = SERVER.store.search(kind, asked.multi_items())
        except Refusal as refusal:
            return _refused(refusal)
        lines = [_line(one) for one in found]
    else:
        since = asked.get("_lastUpdated", "").removeprefix("ge") or None
        lines = SERVER.chosen(kind, since).get(kind, [])
    first, size = int(asked.get("_offset", 0)), int(asked.get("_count", 100))
    entries = [f'{{"resource": {line.decode().strip()}}}' for line in lines[first : first + size]]
    if settings.outcome:
        warned = ERRORS[0].decode().strip()
        entries.append(f'{{"resource": {warned}, "search": {{"mode": "outcome"}}}}')
    following = first + size
    if settings.paging == "circle":
        following = 0 if first else size
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": []}
    if following < len(lines) or settings.paging in {"endless", "circle"}:
        kept = [] if not settings.live else asked.multi_items()
        again = [one for one in kept if one[0] not in ("_count", "_offset")]
        path = f"{kind}?{urlencode([*again, ('_count', size), ('_offset', following)])}"
        here = settings.elsewhere.get("next", _address(request))
        url = path if settings.paging == "relative" else f"{here}/fhir/{path}"
        bundle["link"].append({"relation": "next", "url": url})
    text = json.dumps(bundle)[:-1] + f', "entry": [{", ".join(entries)}]}}'
    if settings.pretty:
        text = text.replace(", ", ",\r\n  ")
    return Response(text, media_type=_FHIR)


async def transact(request: Request) -> Response:
    if failed := _fails(request) or _lets_in(request):
        return failed
    if request.headers.get("Content-Type") != _FHIR:
        return Response(status_code=415)
    try:
        answer = SERVER.store.transact(json.loads(await request.body()))
    except Refusal as refusal:
        return _refused(refusal)
    if SERVER.settings.lost > 0:
        SERVER.settings.lost -= 1
        raise ConnectionError("the answer is lost")
    return JSONResponse(answer, media_type=_FHIR)


async def read(request: Request) -> Response:
    if failed := _fails(request) or _lets_in(request):
        return failed
    try:
        found = SERVER.store.read(request.path_params["kind"], request.path_params["id"])
    except Refusal as refusal:
        return _refused(refusal)
    return JSONResponse(found, media_type=_FHIR)


def _refused(refusal: Refusal) -> Response:
    issue = {"severity": "error", "code": refusal.code, "diagnostics": "of patient Ünsal"}
    told = {"resourceType": "OperationOutcome", "issue": [issue]}
    return JSONResponse(told, refusal.status, media_type=_FHIR)


async def held(_request: Request) -> Response:
    """All that transactions wrote, by type and id."""
    return JSONResponse(SERVER.store.kept)


async def change(request: Request) -> Response:
    for name, value in (await request.json()).items():
        setattr(SERVER.settings, name, value)
    if SERVER.settings.folder:
        SERVER.resources = {
            path.name.partition(".")[0]: gzip.decompress(path.read_bytes()).splitlines(True)
            for path in sorted(Path(SERVER.settings.folder).glob("[A-Z]*.ndjson.gz"))
        }
    return Response()


async def told(request: Request) -> Response:
    known = {"counts": SERVER.counts, "asked": SERVER.asked, "jobs": list(SERVER.jobs)}
    known["auth"] = SERVER.settings.auth
    return JSONResponse(known)


async def forget(request: Request) -> Response:
    """Start anew; or drop the jobs or the tokens alone."""
    match request.path_params["what"]:
        case "all":
            SERVER.reset()
        case "jobs":
            SERVER.jobs.clear()
        case "tokens":
            SERVER.tokens.clear()
    return Response()


APP = Starlette(
    routes=[
        Route("/fhir/.well-known/smart-configuration", smart),
        Route("/token", token, methods=["POST"]),
        Route("/fhir/$export", partial(kick_off, level="system")),
        Route("/fhir/Patient/$export", partial(kick_off, level="patient")),
        Route("/fhir/Group/{group}/$export", partial(kick_off, level="group")),
        Route("/jobs/{job}", status, methods=["GET", "DELETE"]),
        Route("/files/{job}/{file}", file),
        Route("/fhir", transact, methods=["POST"]),
        Route("/fhir/{kind}", search),
        Route("/fhir/{kind}/{id}", read),
        Route("/control/held", held),
        Route("/control/set", change, methods=["POST"]),
        Route("/control/told", told),
        Route("/control/forget/{what}", forget, methods=["POST"]),
    ]
)


@dataclass(frozen=True)
class RunningFhirServer:
    """Where it listens, and the test's hold on it."""

    address: str
    control: httpx.Client = field(repr=False)

    @property
    def base(self) -> str:
        """Where its FHIR API begins."""
        return f"{self.address}/fhir"

    def set(self, **settings: Any) -> None:
        """Change its settings."""
        self.control.post("/control/set", json=settings).raise_for_status()

    def forget(self, what: str) -> None:
        """Let it forget `all`, its `jobs` or its `tokens`."""
        self.control.post(f"/control/forget/{what}").raise_for_status()

    def write(self, *entries: dict[str, Any]) -> list[str]:
        """Carry out a transaction, without a token; the places that its entries got."""
        auth = self.control.get("/control/told").json()["auth"]
        self.set(auth=False)
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
        answer = self.control.post("/fhir", json=bundle, headers={"Content-Type": _FHIR})
        answer.raise_for_status()
        self.set(auth=auth)
        return [entry["response"]["location"] for entry in answer.json()["entry"]]

    def put(self, *resources: dict[str, Any]) -> None:
        """Keep resources under their own ids."""
        self.write(
            *(
                {
                    "resource": one,
                    "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
                }
                for one in resources
            )
        )

    def held(self, kind: str) -> list[dict[str, Any]]:
        """What it holds of a type."""
        kept = self.control.get("/control/held").json()
        return list(kept.get(kind, {}).values())

    @property
    def counts(self) -> dict[str, int]:
        """How often each thing was asked for."""
        return dict(self._told["counts"])

    @property
    def asked(self) -> list[dict[str, str]]:
        """The parameters of each kick-off and each search."""
        return list(self._told["asked"])

    @property
    def jobs(self) -> list[str]:
        """The exports that it keeps."""
        return list(self._told["jobs"])

    @property
    def _told(self) -> dict[str, Any]:
        return dict(self.control.get("/control/told").raise_for_status().json())


@contextmanager
def running(
    certificate: Path | None = None, key: Path | None = None
) -> Iterator[RunningFhirServer]:
    """A server of its own, stopped at the end; with TLS where a certificate is given."""
    options = [str(certificate), str(key)] if certificate and key else []
    started = subprocess.Popen(
        [sys.executable, __file__, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert started.stdin is not None
    assert started.stdout is not None
    try:
        address = started.stdout.readline().decode().strip()
        assert address, "the FHIR server did not start"
        trust = ssl.create_default_context(cafile=certificate) if certificate else False
        with httpx.Client(base_url=address, verify=trust, trust_env=False, timeout=20) as control:
            yield RunningFhirServer(address, control)
    finally:
        started.stdin.close()
        started.stdout.close()
        started.wait(timeout=30)


def a_fhir_server() -> RunningFhirServer:
    """The server of this test process, as new; it is started on first use."""
    server = _our_server()
    server.forget("all")
    return server


@cache
def _our_server() -> RunningFhirServer:
    stack = ExitStack()
    server = stack.enter_context(running())
    atexit.register(stack.close)
    return server


def main(arguments: list[str]) -> None:
    """Serve on a free port of 127.0.0.1 until the input ends."""
    tls = dict(zip(("ssl_certfile", "ssl_keyfile"), arguments, strict=False))
    config = uvicorn.Config(
        APP, log_config=None, access_log=False, lifespan="off", loop="asyncio", **tls
    )
    logging.disable()  # a dropped connection is meant
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small answers go out at once

    def wait_for_the_end() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    scheme = "https" if tls else "http"
    print(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1:])
