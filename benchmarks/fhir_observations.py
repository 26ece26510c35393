"""Makes up FHIR R4 NDJSON like Synthea's bulk exports: mostly Observations, the same every time."""

import random
from collections.abc import Iterator
from pathlib import Path

__all__ = ["write_ndjson"]

PATIENTS, PER_PATIENT = 10, 1000  # patients in a group, and lines of one patient
_ORDER = ("Pat", "Enc", "Con", "Obs")  # how the types begin, in the order of the file
_LOINC, _SNOMED, _UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
_TERMS = "http://terminology.hl7.org/CodeSystem"
_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
_VITAL = (
    ("8302-2", "Body Height", "cm", 168.0, 12.0),
    ("29463-7", "Body Weight", "kg", 76.0, 15.0),
    ("39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", 27.0, 4.0),
    ("8867-4", "Heart rate", "/min", 78.0, 12.0),
    ("9279-1", "Respiratory rate", "/min", 15.0, 3.0),
    ("8310-5", "Body temperature", "Cel", 37.0, 0.5),
)
_LABORATORY = (
    ("2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 95.0, 20.0),
    ("6299-2", "Urea nitrogen [Mass/volume] in Blood", "mg/dL", 15.0, 5.0),
    ("38483-4", "Creatinine [Mass/volume] in Blood", "mg/dL", 1.1, 0.3),
    ("2947-0", "Sodium [Moles/volume] in Blood", "mmol/L", 140.0, 3.0),
    ("6298-4", "Potassium [Moles/volume] in Blood", "mmol/L", 4.3, 0.4),
    ("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 190.0, 30.0),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 14.0, 1.5),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 5.8, 0.9),
)
_CONDITIONS = (
    ("59621000", "Essential hypertension (disorder)"),
    ("44054006", "Diabetes mellitus type 2 (disorder)"),
    ("444814009", "Viral sinusitis (disorder)"),
    ("195662009", "Acute viral pharyngitis (disorder)"),
)


def write_ndjson(path: Path, megabytes: int, seed: int = 1) -> int:
    """Write at least so many megabytes (of 10^6 bytes), and return how many lines they are.

    As in a bulk export, resources of one type follow one another, for 10 patients at a time.
    """
    written = lines = 0
    draw = random.Random(seed)  # noqa: S311  (made-up data, the same every time)
    with path.open("wb", buffering=1 << 20) as file:
        while written < megabytes * 1_000_000:
            made = [line for _ in range(PATIENTS) for line in _patient(draw)]
            made.sort(key=lambda line: _ORDER.index(line[17:20]))
            content = "\n".join(made).encode() + b"\n"
            file.write(content)
            written += len(content)
            lines += len(made)
    return lines


def _patient(draw: random.Random) -> Iterator[str]:
    who = _identifier(draw)
    yield (
        f'{{"resourceType":"Patient","id":"{who}",{_profile("us-core-patient")}'
        f'"identifier":[{{"system":"https://github.com/synthetichealth/synthea","value":"{who}"}}],"name":['
        f'{{"use":"official","family":"Example{draw.randrange(999)}","given":'
        f'["Ada{draw.randrange(999)}"]}}],"gender":"{draw.choice(("female", "male"))}",'
        f'"birthDate":"{_moment(draw)[:10]}"}}'
    )
    stay, moment = "", ""
    for number in range(PER_PATIENT - 1):
        if number % 25 == 0:
            stay, moment = _identifier(draw), _moment(draw)
            yield _encounter(draw, who, stay, moment)
        elif number % 50 == 1:
            yield _condition(draw, who, stay, moment)
        else:
            yield _observation(draw, who, stay, moment)


def _encounter(draw: random.Random, who: str, stay: str, moment: str) -> str:
    return (
        f'{{"resourceType":"Encounter","id":"{stay}",{_profile("us-core-encounter")}"identifier":['
        f'{{"use":"official","system":"https://github.com/synthetichealth/synthea","value":"{stay}"'
        f'}}],"status":"finished","class":{{"system":"{_TERMS}/v3-ActCode","code":"AMB"}},"type":['
        f"{_concept(_SNOMED, '185347001', 'Encounter for problem (procedure)')}],"
        f'"subject":{{"reference":"Patient/{who}","display":"Mrs. Ada{draw.randrange(999)}"}},'
        f'"participant":[{{"type":['
        f"{_concept(_TERMS + '/v3-ParticipationType', 'PPRF', 'primary performer')}],"
        f'"individual":{{"reference":"Practitioner/{_identifier(draw)}"}}}}],"period":{{'
        f'"start":"{moment}-05:00","end":"{moment[:11]}23:59:00-05:00"}},'
        f'"serviceProvider":{{"reference":"Organization/{_identifier(draw)}"}}}}'
    )


def _condition(draw: random.Random, who: str, stay: str, moment: str) -> str:
    code, name = draw.choice(_CONDITIONS)
    return (
        f'{{"resourceType":"Condition","id":"{_identifier(draw)}",{_profile("us-core-condition")}'
        f'"clinicalStatus":{{"coding":[{{"system":"{_TERMS}/condition-clinical","code":"active"}}]}},'
        f'"verificationStatus":{{"coding":[{{"system":"{_TERMS}/condition-ver-status",'
        f'"code":"confirmed"}}]}},"category":['
        f"{_concept(_TERMS + '/condition-category', 'encounter-diagnosis', 'Diagnosis')}],"
        f'"code":{_concept(_SNOMED, code, name)},"subject":{{"reference":"Patient/{who}"}},'
        f'"encounter":{{"reference":"Encounter/{stay}"}},"onsetDateTime":"{moment}-05:00",'
        f'"recordedDate":"{moment}-05:00"}}'
    )


def _observation(draw: random.Random, who: str, stay: str, moment: str) -> str:
    kind = draw.random()
    if kind < 0.15:
        category, code, name = "vital-signs", "85354-9", "Blood pressure panel"
        said = _pressures(draw)
    elif kind < 0.25:
        category, code, name = "social-history", "72166-2", "Tobacco smoking status"
        answer = _concept(_SNOMED, "266919005", "Never smoked tobacco (finding)")
        said = f'"valueCodeableConcept":{answer}'
    else:
        group = _VITAL if kind < 0.55 else _LABORATORY
        category = "vital-signs" if group is _VITAL else "laboratory"
        code, name, unit, mean, spread = draw.choice(group)
        said = f'"valueQuantity":{_quantity(draw, unit, mean, spread)}'
    return (
        f'{{"resourceType":"Observation","id":"{_identifier(draw)}",'
        f'{_profile(f"us-core-{category}")}"status":"final","category":['
        f'{{"coding":[{{"system":"{_TERMS}/observation-category","code":"{category}",'
        f'"display":"{category}"}}]}}],"code":{_concept(_LOINC, code, name)},'
        f'"subject":{{"reference":"Patient/{who}"}},"encounter":{{"reference":"Encounter/{stay}"}},'
        f'"effectiveDateTime":"{moment}-05:00","issued":"{moment}.{draw.randrange(1000):03}-05:00",'
        f"{said}}}"
    )


def _pressures(draw: random.Random) -> str:
    upper = _quantity(draw, "mm[Hg]", 124, 15)
    lower = _quantity(draw, "mm[Hg]", 79, 10)
    return (
        f'"component":[{{"code":{_concept(_LOINC, "8462-4", "Diastolic Blood Pressure")},'
        f'"valueQuantity":{lower}}},{{"code":'
        f'{_concept(_LOINC, "8480-6", "Systolic Blood Pressure")},"valueQuantity":{upper}}}]'
    )


def _profile(name: str) -> str:
    return f'"meta":{{"profile":["{_CORE}/{name}"]}},'


def _concept(system: str, code: str, display: str) -> str:
    coding = f'{{"system":"{system}","code":"{code}","display":"{display}"}}'
    return f'{{"coding":[{coding}],"text":"{display}"}}'


def _quantity(draw: random.Random, unit: str, mean: float, spread: float) -> str:
    value = round(mean + spread * (2 * draw.random() - 1), 2)
    return f'{{"value":{value},"unit":"{unit}","system":"{_UCUM}","code":"{unit}"}}'


def _identifier(draw: random.Random) -> str:
    text = f"{draw.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _moment(draw: random.Random) -> str:
    return (
        f"{draw.randrange(1990, 2026)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}T"
        f"{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}"
    )
