"""Units as UCUM codes, and the conversions between them that need no substance."""

from bedside.core.errors import Invalid, WrongUnit

__all__ = ["KNOWN_UNITS", "check_unit", "conversion", "convert", "display"]

# Each family maps a UCUM code to (factor, offset): base = value * factor + offset.
# Sources: UCUM 2.1 §28-46; SI brochure; 1 mm[Hg] = 133.322387415 Pa; in[i] and lb_av are exact.
_FAMILIES: tuple[dict[str, tuple[float, float]], ...] = (
    {"1": (1, 0), "%": (0.01, 0), "{ratio}": (1, 0), "{fraction}": (1, 0)},
    {"{score}": (1, 0)},
    {"{count}": (1, 0)},
    {"Cel": (1, 0), "[degF]": (5 / 9, -160 / 9), "K": (1, -273.15)},
    {
        "/min": (1, 0),
        "{beats}/min": (1, 0),
        "{breaths}/min": (1, 0),
        "/s": (60, 0),
        "/h": (1 / 60, 0),
        "Hz": (60, 0),
    },
    {
        "mm[Hg]": (1, 0),
        "Pa": (1 / 133.322387415, 0),
        "kPa": (1000 / 133.322387415, 0),
        "cm[H2O]": (98.0665 / 133.322387415, 0),
    },
    {"s": (1, 0), "ms": (1e-3, 0), "min": (60, 0), "h": (3600, 0), "d": (86400, 0)},
    {"a": (1, 0)},
    {"m": (1, 0), "cm": (0.01, 0), "mm": (1e-3, 0), "um": (1e-6, 0), "[in_i]": (0.0254, 0)},
    {"m2": (1, 0), "mm2": (1e-6, 0), "um2": (1e-12, 0)},
    {
        "kg": (1, 0),
        "g": (1e-3, 0),
        "mg": (1e-6, 0),
        "ug": (1e-9, 0),
        "pg": (1e-15, 0),
        "[lb_av]": (0.45359237, 0),
        "[oz_av]": (0.45359237 / 16, 0),
    },
    {"kg/m2": (1, 0)},
    {"L": (1, 0), "dL": (0.1, 0), "mL": (1e-3, 0), "uL": (1e-6, 0), "fL": (1e-15, 0)},
    {"L/min": (1, 0), "mL/min": (1e-3, 0), "mL/h": (1e-3 / 60, 0)},
    {
        "g/L": (1, 0),
        "g/dL": (10, 0),
        "mg/dL": (0.01, 0),
        "mg/L": (1e-3, 0),
        "ug/L": (1e-6, 0),
        "ng/mL": (1e-6, 0),
        "ug/mL": (1e-3, 0),
        "ug/dL": (1e-5, 0),
        "ng/dL": (1e-8, 0),
        "ng/L": (1e-9, 0),
        "pg/mL": (1e-9, 0),
    },
    {
        "mol/L": (1, 0),
        "mmol/L": (1e-3, 0),
        "umol/L": (1e-6, 0),
        "nmol/L": (1e-9, 0),
        "pmol/L": (1e-12, 0),
    },
    {"meq/L": (1, 0)},
    {"mosm/kg": (1, 0)},
    {"U/L": (1, 0), "[IU]/L": (1, 0)},
    {
        "10*3/uL": (1, 0),
        "10*9/L": (1, 0),
        "/uL": (1e-3, 0),
        "10*6/L": (1e-3, 0),
        "10*6/uL": (1e3, 0),
        "10*12/L": (1e3, 0),
    },
    {"mm/h": (1, 0)},
    {"[pH]": (1, 0)},
)
_FACTORS = {
    code: (index, *pair) for index, family in enumerate(_FAMILIES) for code, pair in family.items()
}
KNOWN_UNITS = frozenset(_FACTORS)


def check_unit(unit: str, what: str) -> str:
    """Return the unit if Bedside knows it.

    Raises:
        Invalid: it is not a UCUM code in `KNOWN_UNITS`.
    """
    if unit not in KNOWN_UNITS:
        raise Invalid(
            f"'{unit}', the unit of '{what}', is not a UCUM code that Bedside knows.",
            fix=f"use one of: {', '.join(sorted(KNOWN_UNITS))}.",
            code="wrong_unit",
        )
    return unit


def conversion(what: str, *, source: str, target: str) -> tuple[float, float]:
    """Factor and offset that take a value from `source` to `target`: value * factor + offset.

    Raises:
        Invalid: a unit is unknown.
        WrongUnit: the two measure different things, or need the substance's molar mass.

    >>> conversion("temperature", source="Cel", target="Cel")
    (1.0, 0.0)
    """
    family_s, factor_s, offset_s = _FACTORS[check_unit(source, what)]
    family_t, factor_t, offset_t = _FACTORS[check_unit(target, what)]
    if source == target:
        return 1.0, 0.0
    if family_s != family_t:
        raise WrongUnit(what, got=source, expected=target)
    return factor_s / factor_t, (offset_s - offset_t) / factor_t


def convert(value: float, *, what: str, source: str, target: str) -> float:
    """One value from `source` to `target`.

    >>> round(convert(98.6, what="temperature", source="[degF]", target="Cel"), 6)
    37.0
    """
    factor, offset = conversion(what, source=source, target=target)
    return value * factor + offset


_DISPLAY = {
    "Cel": "°C",
    "[degF]": "°F",
    "mm[Hg]": "mmHg",
    "cm[H2O]": "cmH₂O",
    "[pH]": "",
    "1": "",
    "{ratio}": "",
    "10*3/uL": "×10³/µL",
    "10*9/L": "×10⁹/L",
    "10*6/uL": "×10⁶/µL",
    "umol/L": "µmol/L",
    "ug/L": "µg/L",
    "um": "µm",
    "um2": "µm²",
    "mm2": "mm²",
    "m2": "m²",
    "meq/L": "mEq/L",
    "[IU]/L": "IU/L",
    "a": "years",
    "{beats}/min": "/min",
    "{breaths}/min": "/min",
    "[in_i]": "in",
    "[lb_av]": "lb",
    "ug/mL": "µg/mL",
    "ug/dL": "µg/dL",
    "ug": "µg",
    "uL": "µL",
    "[oz_av]": "oz",
    "{score}": "",
    "{count}": "",
    "{fraction}": "",
    "kg/m2": "kg/m²",
    "10*6/L": "×10⁶/L",
    "10*12/L": "×10¹²/L",
    "mosm/kg": "mOsm/kg",
}


def display(unit: str | None) -> str:
    """The unit as clinicians write it; empty for a bare number.

    >>> display("mm[Hg]")
    'mmHg'
    """
    return "" if unit is None else _DISPLAY.get(unit, unit)
