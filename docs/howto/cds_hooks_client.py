"""A small client of CDS Hooks services, as an electronic health record would be one.

It signs each call with its own key, sends along what the discovery asks for, and tells back what
the clinician did. The patient's measurements are those of a real biopsy that ships in scikit-learn.

    python cds_hooks_client.py keys | discover | call | again | feedback | wait   (PORT is set)
"""

import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

BASE = f"http://127.0.0.1:{os.environ.get('PORT', '8080')}"
SERVICE = "/cds-services/breast-mass-malignancy"
KEY, CARD, LAST = Path("ehr-private.json"), Path("card.json"), Path("last-token.txt")


def keys() -> None:
    """Make a key pair; the private half stays here, the public one is printed."""
    key = ECKey.generate_key("P-384", {"kid": "ehr-1", "use": "sig", "alg": "ES384"})
    KEY.write_text(json.dumps(key.as_dict(private=True)))
    KEY.chmod(0o600)
    print(json.dumps({"keys": [key.as_dict(private=False)]}))


def signed(path: str) -> dict[str, str]:
    """The header of one call: good once, for this address, for two minutes."""
    now = int(time.time())
    claims = {
        "iss": "https://ehr.example.org",
        "aud": BASE + path,
        "iat": now,
        "exp": now + 120,
        "jti": str(uuid.uuid4()),
    }
    key = ECKey.import_key(json.loads(KEY.read_text()))
    token = jwt.encode({"alg": "ES384", "kid": "ehr-1", "typ": "JWT"}, claims, key, ["ES384"])
    LAST.write_text(token)
    return {"Authorization": f"Bearer {token}"}


def discovery() -> dict[str, Any]:
    """The service that we want."""
    told = httpx.get(BASE + "/cds-services", headers=signed("/cds-services")).json()
    return dict(told["services"][0])


def observation(number: int, token: str) -> dict[str, Any]:
    """One measurement of the first biopsy, under the code that the service asks for."""
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415  (slow to import)

    system, code = token.split("|")
    part, _, what = code.partition("_")
    what = what.replace("_", " ")
    name = f"{what} error" if part == "error" else f"{part} {what}"
    data = load_breast_cancer()
    value = float(data.data[0][list(data.feature_names).index(name)])
    ucum = "http://unitsofmeasure.org"
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-01-05T09:00:00Z",
        "valueQuantity": {"value": value, "unit": "1", "system": ucum, "code": "1"},
    }


def body() -> dict[str, Any]:
    """The call: a clinician opens the chart of a patient."""
    template = discovery()["prefetch"]["observations"]
    tokens = template.partition("&code=")[2].partition("&")[0].split(",")
    entries = [{"resource": observation(n, token)} for n, token in enumerate(tokens)]
    return {
        "hook": "patient-view",
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "Practitioner/7", "patientId": "p1", "encounterId": "e1"},
        "prefetch": {
            "observations": {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        },
    }


def call() -> None:
    """Ask, and show the card."""
    answer = httpx.post(BASE + SERVICE, json=body(), headers=signed(SERVICE), timeout=60)
    CARD.write_text(answer.text)
    show(answer)


def again() -> None:
    """Send a token a second time, as a thief would."""
    token = LAST.read_text()
    answer = httpx.post(
        BASE + SERVICE, json={}, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )
    show(answer)


def feedback() -> None:
    """The clinician did not follow the card, and says why."""
    card = json.loads(CARD.read_text())["cards"][0]
    entry = {
        "card": card["uuid"],
        "outcome": "overridden",
        "overrideReason": {
            "reason": card["overrideReasons"][0],
            "userComment": "Core biopsy of 2 January is with the pathologist.",
        },
        "outcomeTimestamp": "2026-01-05T09:06:00Z",
    }
    path = f"{SERVICE}/feedback"
    show(httpx.post(BASE + path, json={"feedback": [entry]}, headers=signed(path), timeout=60))


def page() -> None:
    """Open the link on the card, as a browser would: without a token."""
    link = json.loads(CARD.read_text())["cards"][0]["links"][0]
    answer = httpx.get(link["url"])
    print(f"{link['label']}: HTTP {answer.status_code}, {answer.headers['content-type']}")


def wait() -> None:
    """Until the server answers."""
    for _ in range(240):
        try:
            if httpx.get(BASE + "/v2/health/live").status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise SystemExit("The server does not answer.")


def show(answer: httpx.Response) -> None:
    """The status and the JSON, as they came."""
    print(f"HTTP {answer.status_code}")
    print(json.dumps(answer.json(), indent=2, ensure_ascii=False))


def discover() -> None:
    """What can be asked here."""
    service = discovery()
    service["prefetch"] = {key: text[:90] + "…" for key, text in service["prefetch"].items()}
    print(json.dumps(service, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    {one.__name__: one for one in (keys, discover, call, again, feedback, page, wait)}[
        sys.argv[1]
    ]()
