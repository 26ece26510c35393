"""What the server says may be asked of it: true of its routes, of its models and of its answers."""

import asyncio
import re

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.requests import Request

from bedside.core.records.caller import Caller
from bedside.serve.app import create_app, routes_of
from bedside.serve.auth import TokenCheck
from bedside.serve.openapi import OpenApiPages, openapi_document
from bedside.serve.openapi_page import page_of
from bedside.serve.rest import RestWire
from bedside.serve.routes import CALLER
from served import (
    TOKEN_SHA256,
    VERSION,
    HttpClient,
    a_declaration,
    a_served_model,
    a_tensor,
    an_inference,
    service_for,
)


@pytest.fixture
def service():
    sepsis = a_served_model()
    sepsis.answerer.warm_up()
    falls = a_served_model(declaration=a_declaration(name="falls", title="Falls <on> wards"))
    falls.answerer.version_id = "falls@0123456789ab"
    return service_for(sepsis.answerer, falls.answerer)


@pytest.fixture
def client(service):
    # CDS service ids must differ, so one model is enough for the whole application
    only = service_for(service.models["sepsis"].first)
    return HttpClient(create_app(only, authenticators=[TokenCheck(TOKEN_SHA256)]))


def test_the_document_is_openapi_and_its_schemas_are_schemas(client):
    document = client.get("/openapi.json").json()

    OpenAPIV31SpecValidator(document).validate()
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_route_is_in_the_document_and_nothing_else(client, service):
    told = client.get("/openapi.json").json()["paths"]

    routes = routes_of(service_for(service.models["sepsis"].first))
    served = {
        (route.path.replace("{name}", "sepsis").replace("{version}", VERSION), method.lower())
        for route in routes
        for method in route.methods
    }
    assert {(path, method) for path in told for method in told[path]} == served


@pytest.mark.parametrize("few", [False, True])
def test_what_is_asked_and_answered_keeps_the_schemas(client, few):
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v2/models/sepsis/infer"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    schemas = document["components"]["schemas"]
    for body in (example, an_inference(a_tensor("age", 71.0)) if few else an_inference()):
        jsonschema.validate(body, schemas["sepsis.request"])

        answer = client.post("/v2/models/sepsis/infer", json=body)

        assert answer.status_code == 200
        jsonschema.validate(answer.json(), schemas["sepsis.response"])


@pytest.mark.parametrize("change", [{"datatype": "FP32"}, {"name": "nothing"}, {"data": ["high"]}])
def test_what_the_server_refuses_the_schema_refuses(client, change):
    body = an_inference(a_tensor("lactate", 4.2) | change)
    schema = client.get("/openapi.json").json()["components"]["schemas"]["sepsis.request"]

    assert client.post("/v2/models/sepsis/infer", json=body).status_code == 400
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(body, schema)


def test_an_input_has_its_name_unit_range_and_code(client):
    schema = client.get("/openapi.json").json()["components"]["schemas"]["sepsis.request"]

    inputs = {one["title"]: one for one in schema["properties"]["inputs"]["items"]["oneOf"]}
    assert inputs["lactate"]["x-unit"] == "mmol/L"
    assert inputs["lactate"]["x-plausible"] == [0.1, 40.0]
    assert inputs["heart rate"]["x-required"] is True
    assert inputs["sex"]["x-categories"] == ["female", "male"]


def test_a_caller_is_told_of_the_models_that_it_may_describe_alone(service):
    pages = OpenApiPages(service, RestWire(service).routes())
    who = Caller(name="ward", scopes=frozenset({"describe/falls", "infer/sepsis"}))
    scope = {"type": "http", "headers": [], CALLER: who}

    document = asyncio.run(pages.document(Request(scope))).body.decode()
    page = asyncio.run(pages.page(Request(scope))).body.decode()

    assert "/v2/models/falls/infer" in document
    assert "falls.request" in document
    assert "/v2/models/falls/infer" in page
    assert "models/sepsis" not in document + page
    assert "sepsis.request" not in document
    assert "sepsis@" not in document + page


def test_what_a_model_says_of_itself_is_text_on_the_page(service):
    document = openapi_document(RestWire(service).routes(), list(service.models.values()))

    assert "Falls &lt;on&gt; wards" in page_of(document)


def test_the_page_runs_nothing_loads_nothing_and_shows_inputs_units_and_ranges(client):
    shown = client.get("/docs")

    assert shown.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "unsafe" not in shown.headers["content-security-policy"]
    assert not re.search(r"<script|<link|<img|src=|\bon\w+=|style=|https?://", shown.text)
    for word in ("lactate", "mmol/L", "0.1 to 40", "POST /v2/models/sepsis/infer", VERSION):
        assert word in shown.text
