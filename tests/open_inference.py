"""What the Open Inference Protocol says a server does, each statement tried on a real application.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md (v2).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from bedside.core.records.version import Stage
from served import VERSION, HttpClient, a_served_model, a_tensor, an_inference, app_for

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "open-inference.md"
BEGIN, END = "<!-- conformance: written by tests/open_inference.py -->\n", "<!-- end -->\n"
MODEL = "/v2/models/sepsis"
OWN = f"{MODEL}/versions/{VERSION}"
CHALLENGER = "sepsis@fedcba987654"
Check = Callable[[HttpClient], None]
CHECKS: dict[tuple[str, str], Check] = {}


def _says(clause: str, statement: str) -> Callable[[Check], Check]:
    def keep(check: Check) -> Check:
        CHECKS[clause, statement] = check
        return check

    return keep


def a_client() -> HttpClient:
    """A live version, and a silent challenger beside it."""
    challenger = a_served_model(stage=Stage.SILENT)
    challenger.answerer.version_id = CHALLENGER
    live = a_served_model().answerer
    live.warm_up()  # as a server does: the first answer of a process loads what it runs on
    return HttpClient(app_for(live, challenger.answerer))


def _json(response: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    told: dict[str, Any] = response.json()
    return told


def _names(told: dict[str, Any]) -> list[str]:
    return [each["name"] for each in told["outputs"]]


@_says("Server Live", "`GET v2/health/live` tells `live`")
def _live(client: HttpClient) -> None:
    assert _json(client.get("/v2/health/live")) == {"live": True}


@_says("Server Ready", "`GET v2/health/ready` answers 200 when every model is ready")
def _ready(client: HttpClient) -> None:
    assert _json(client.get("/v2/health/ready")) == {"ready": True}


@_says("Server Metadata", "`GET v2` tells `name`, `version`, `extensions`, and nothing else")
def _server(client: HttpClient) -> None:
    told = _json(client.get("/v2"))
    assert set(told) == {"name", "version", "extensions"}
    assert told["name"] == "bedside"
    assert all(type(one) is str for one in told["extensions"])


@_says("Model Ready", "`name` and `ready`, with and without a version")
def _model_ready(client: HttpClient) -> None:
    for path in (MODEL, OWN):
        assert _json(client.get(f"{path}/ready")) == {"name": "sepsis", "ready": True}


@_says("Model Metadata", "`name`, `versions`, `platform`, `inputs`, `outputs`; same by its version")
def _metadata(client: HttpClient) -> None:
    told = _json(client.get(MODEL))
    assert {"name", "versions", "platform", "inputs", "outputs"} <= set(told)
    assert told["versions"] == [VERSION]
    assert _json(client.get(OWN)) == told


@_says("Model Metadata", "each tensor has `name`, `datatype` of the list, `shape`, -1 for variable")
def _tensors(client: HttpClient) -> None:
    told = _json(client.get(MODEL))
    assert {one["datatype"] for one in told["inputs"]} == {"FP64", "BYTES", "BOOL"}
    assert all(one["shape"] in ([-1], [1]) for one in (*told["inputs"], *told["outputs"]))


@_says("Model Metadata", "every listed version may be requested, and no other: 404 with `error`")
def _versions(client: HttpClient) -> None:
    for version in (CHALLENGER, "1"):
        path = f"{MODEL}/versions/{version}"
        responses = [client.get(path), client.get(f"{path}/ready")]
        responses.append(client.post(f"{path}/infer", json=an_inference()))
        for one in responses:
            told = _json(one, 404)
            assert told["code"] == "version_not_served"
            assert CHALLENGER not in one.text


@_says("Inference", "an answer has `model_name`, `model_version` and `outputs`")
def _infer(client: HttpClient) -> None:
    for path in (MODEL, OWN):
        told = _json(client.post(f"{path}/infer", json=an_inference()))
        assert (told["model_name"], told["model_version"]) == ("sepsis", VERSION)
        assert _names(told) == ["outcome", "risk", "alert"]


@_says("Inference", "the outputs are those that the metadata names, of that datatype and shape")
def _outputs(client: HttpClient) -> None:
    promised = {one["name"]: one for one in _json(client.get(MODEL))["outputs"]}
    for one in _json(client.post(f"{MODEL}/infer", json=an_inference()))["outputs"]:
        assert one["datatype"] == promised[one["name"]]["datatype"]
        assert one["shape"] == [len(one["data"])]


@_says("Inference", "`id` is returned if it was given, and only then")
def _id(client: HttpClient) -> None:
    told = _json(client.post(f"{MODEL}/infer", json=an_inference() | {"id": "42"}))
    assert told["id"] == "42"
    assert "id" not in _json(client.post(f"{MODEL}/infer", json=an_inference()))


@_says("Inference", "`outputs` selects the tensors; without it all come")
def _selected(client: HttpClient) -> None:
    wanted = {"outputs": [{"name": "risk", "parameters": {"binary_data": False}}]}
    told = _json(client.post(f"{MODEL}/infer", json=an_inference() | wanted))
    assert _names(told) == ["risk"]
    few = an_inference(a_tensor("age", 71.0)) | wanted
    assert _names(_json(client.post(f"{MODEL}/infer", json=few))) == ["outcome"]


@_says("Inference", "an unknown output, input, datatype or a shape that does not fit is an error")
def _refused(client: HttpClient) -> None:
    whole = a_tensor("lactate", 4.2)
    wrong = [
        an_inference() | {"outputs": [{"name": "nothing"}]},
        an_inference() | {"outputs": [{"name": "risk", "parameters": {"binary_data": True}}]},
        an_inference(whole | {"name": "nothing"}),
        an_inference(whole | {"datatype": "FP32"}),
        an_inference(whole | {"shape": [2]}),
        {"id": "42"},
    ]
    for body in wrong:
        told = _json(client.post(f"{MODEL}/infer", json=body), 400)
        assert type(told["error"]) is str
        assert "4.2" not in told["error"]


@_says("Errors", "a failed request has an HTTP error status and a body with `error`")
def _errors(client: HttpClient) -> None:
    for path in ("/v2/models/other", "/v2/models/other/ready", "/v2/nothing"):
        assert type(_json(client.get(path), 404)["error"]) is str


@_says("Strings", "all strings are case-sensitive")
def _case(client: HttpClient) -> None:
    assert client.get("/v2/models/Sepsis").status_code == 404
    upper = an_inference(a_tensor("lactate", 4.2) | {"name": "Lactate"})
    assert client.post(f"{MODEL}/infer", json=upper).status_code == 400


def table() -> str:
    """What the statements gave, as Markdown."""
    rows = []
    for (clause, statement), check in CHECKS.items():
        try:
            check(a_client())
            told = "kept"
        except AssertionError:
            told = "**not kept**"
        rows.append(f"| {clause} | {statement} | {told} |\n")
    return "| clause | statement | tried |\n|---|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2])
