"""A small hospital around a FHIR server: it keeps a patient there, and reads what was written back.

The patient's measurements are those of a real biopsy that ships in scikit-learn.

    python fhir_hospital.py wait | predict | predict-without | admit | written

PORT is where Bedside serves, FHIR the address of the server.
"""

import json
import os
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

BEDSIDE = f"http://127.0.0.1:{os.environ.get('PORT', '8080')}"
SERVER = os.environ.get("FHIR", "")
FHIR_JSON = {"Content-Type": "application/fhir+json"}
WHEN = (datetime.now(UTC) - timedelta(hours=2)).isoformat(timespec="seconds")


def resources() -> list[dict[str, Any]]:
    """A patient, and the thirty measurements of a fine needle aspirate."""
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415  (slow to import)

    data = load_breast_cancer()
    made: list[dict[str, Any]] = [{"resourceType": "Patient", "id": "p1"}]
    for name, value in zip(data.feature_names, data.data[0], strict=True):
        what = name.removesuffix(" error")
        code = ("error " + what if what != name else name).replace(" ", "_")
        made.append(
            {
                "resourceType": "Observation",
                "id": code.replace("_", "-"),
                "status": "final",
                "code": {"coding": [{"system": "https://bedside.health/codes/WDBC", "code": code}]},
                "subject": {"reference": "Patient/p1"},
                "effectiveDateTime": WHEN,
                "valueQuantity": {
                    "value": float(value),
                    "unit": "1",
                    "system": "http://unitsofmeasure.org",
                    "code": "1",
                },
            }
        )
    return made


def wait() -> None:
    """Until Bedside serves."""
    for _ in range(600):
        try:
            if httpx.get(f"{BEDSIDE}/v2/health/live", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    sys.exit("Bedside does not answer.")


def ask(sent: list[dict[str, Any]]) -> None:
    """Call $predict with these resources, and show what comes."""
    entries = [{"resource": one} for one in sent]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    call = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "model", "valueString": "diagnosis"},
            {"name": "resource", "resource": bundle},
        ],
    }
    found = re.search(r"Token .*: (\S+)", Path("served.txt").read_text())
    headers = {**FHIR_JSON, "Authorization": f"Bearer {found.group(1) if found else ''}"}
    answer = httpx.post(
        f"{BEDSIDE}/fhir/Patient/p1/$predict", json=call, headers=headers, timeout=60
    )
    print(f"HTTP {answer.status_code}, {answer.headers['content-type']}")
    told = answer.json()
    show(told["entry"][0]["resource"] if "entry" in told else told)
    for entry in told.get("entry", [])[1:]:
        print("and a", entry["resource"]["resourceType"])


def admit() -> None:
    """Keep the patient and the measurements on the hospital's server."""
    entries = [
        {
            "resource": one,
            "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
        }
        for one in resources()
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = httpx.post(SERVER, json=bundle, headers=FHIR_JSON, timeout=60)
    print(f"HTTP {answer.status_code}: {len(entries)} resources are kept.")


def written() -> None:
    """What the server holds about the patient that it did not hold before."""
    for kind in ("RiskAssessment", "Device", "DocumentReference", "Provenance"):
        found = httpx.get(f"{SERVER}/{kind}", params={"_count": "50"}, timeout=60).json()["entry"]
        print(f"{kind}: {len(found)}")
        if kind == "RiskAssessment":
            show(found[0]["resource"])


def show(resource: dict[str, Any]) -> None:
    """A resource, with what is long cut short."""
    told = {key: part for key, part in resource.items() if key not in ("text", "note", "method")}
    if "basis" in told:
        told["basis"] = [*told["basis"][:2], f"… {len(told['basis']) - 2} more"]
    text = json.dumps(told, indent=2, ensure_ascii=False)
    print("\n".join(one if len(one) <= 120 else f"{one[:119]}…" for one in text.splitlines()))


def main() -> None:
    """Do what the first argument says."""
    match sys.argv[1]:
        case "wait":
            wait()
        case "predict":
            ask(resources())
        case "predict-without":
            ask(resources()[:-1])
        case "admit":
            admit()
        case "written":
            written()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
