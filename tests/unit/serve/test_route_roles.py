"""Every route, every role: an explicit decision for each, and the page that shows them."""

from bedside.serve.login import Login
from route_roles import BEGIN, END, PAGE, ROLES, decisions, inventory, table

YES, NO, OUT = "yes", "403", "401"
OPEN = (YES,) * 9
DESCRIBE = (OUT, OUT, OUT, YES, NO, NO, NO, NO, YES)
INFER = (OUT, OUT, OUT, NO, YES, NO, NO, NO, YES)
FEEDBACK = (OUT, OUT, OUT, NO, NO, NO, YES, NO, YES)
EXPECTED = {
    ("GET", "/v2/health/live"): OPEN,
    ("GET", "/v2/health/ready"): DESCRIBE,
    ("GET", "/v2"): DESCRIBE,
    ("GET", "/v2/models/{name}/versions/{version}"): DESCRIBE,
    ("GET", "/v2/models/{name}/versions/{version}/ready"): DESCRIBE,
    ("POST", "/v2/models/{name}/versions/{version}/infer"): INFER,
    ("GET", "/v2/models/{name}"): DESCRIBE,
    ("GET", "/v2/models/{name}/ready"): DESCRIBE,
    ("POST", "/v2/models/{name}/infer"): INFER,
    ("GET", "/cds-services"): DESCRIBE,
    ("POST", "/cds-services/{service}"): INFER,
    ("POST", "/cds-services/{service}/feedback"): FEEDBACK,
    ("GET", "/fhir/metadata"): DESCRIBE,
    ("GET", "/fhir/OperationDefinition/predict"): DESCRIBE,
    ("POST", "/fhir/Patient/{id}/$predict"): INFER,
    ("POST", "/fhir/Encounter/{id}/$predict"): INFER,
    ("GET", "/models/{name}/card"): DESCRIBE,
    ("GET", "/openapi.json"): DESCRIBE,
    ("GET", "/docs"): DESCRIBE,
}


def test_every_route_has_a_decision_for_every_role_and_keeps_it():
    assert len(ROLES) == 9
    assert decisions() == EXPECTED


def test_beside_them_there_are_the_doors_of_signing_in_and_nothing_else():
    doors = {("GET", "/login"), ("GET", "/login/callback"), ("POST", "/logout")}

    assert set(inventory()) == set(EXPECTED) | doors
    assert {path for _, path in doors} == set(Login.doors)


def test_the_page_shows_the_table():
    shown = PAGE.read_text().partition(BEGIN)[2].partition(END)[0].strip()

    assert shown == table().strip(), "run: PYTHONPATH=tests python tests/route_roles.py"
