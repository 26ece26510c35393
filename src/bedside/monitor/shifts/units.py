"""The other unit that laboratories use for a measurement, and the factor and offset to it."""

__all__ = ["OTHER_UNITS", "other_unit"]

# By LOINC and the unit at home: the other unit, factor, offset. Molar masses: PubChem; the pairs
# are those of the AMA Manual of Style (11th ed., 17.5), conventional against SI.
OTHER_UNITS: dict[tuple[str, str], tuple[str, float, float]] = {
    ("LOINC//2160-0", "mg/dL"): ("umol/L", 88.4, 0.0),
    ("LOINC//3094-0", "mg/dL"): ("mmol/L", 0.357, 0.0),
    ("LOINC//2345-7", "mg/dL"): ("mmol/L", 0.0555, 0.0),
    ("LOINC//17861-6", "mg/dL"): ("mmol/L", 0.2495, 0.0),
    ("LOINC//1975-2", "mg/dL"): ("umol/L", 17.1, 0.0),
    ("LOINC//1968-7", "mg/dL"): ("umol/L", 17.1, 0.0),
    ("LOINC//19123-9", "mg/dL"): ("mmol/L", 0.4114, 0.0),
    ("LOINC//19123-9", "mmol/L"): ("mg/dL", 2.431, 0.0),
    ("LOINC//2777-1", "mg/dL"): ("mmol/L", 0.3229, 0.0),
    ("LOINC//2093-3", "mg/dL"): ("mmol/L", 0.02586, 0.0),
    ("LOINC//2524-7", "mmol/L"): ("mg/dL", 9.01, 0.0),
    ("LOINC//718-7", "g/dL"): ("g/L", 10.0, 0.0),
    ("LOINC//1751-7", "g/dL"): ("g/L", 10.0, 0.0),
    ("LOINC//3255-7", "mg/dL"): ("g/L", 0.01, 0.0),
    ("LOINC//4544-3", "%"): ("{ratio}", 0.01, 0.0),
    ("LOINC//8310-5", "Cel"): ("[degF]", 1.8, 32.0),
    ("LOINC//2019-8", "mm[Hg]"): ("kPa", 0.133322, 0.0),
    ("LOINC//2703-7", "mm[Hg]"): ("kPa", 0.133322, 0.0),
    ("LOINC//3150-6", "{ratio}"): ("%", 100.0, 0.0),
    ("LOINC//29463-7", "kg"): ("[lb_av]", 2.204623, 0.0),
    ("LOINC//8302-2", "cm"): ("[in_i]", 0.393701, 0.0),
    ("LOINC//10839-9", "ng/mL"): ("ng/L", 1000.0, 0.0),
    ("LOINC//10839-9", "ug/L"): ("ng/L", 1000.0, 0.0),
    ("LOINC//6598-7", "ug/L"): ("ng/L", 1000.0, 0.0),
    ("LOINC//6690-2", "10*3/uL"): ("/uL", 1000.0, 0.0),
    ("LOINC//777-3", "10*3/uL"): ("/uL", 1000.0, 0.0),
    ("LOINC//9187-6", "mL"): ("L", 0.001, 0.0),
    ("BEDSIDE//length_of_stay", "d"): ("h", 24.0, 0.0),
}


def other_unit(codes: tuple[str, ...], unit: str | None) -> tuple[str, float, float] | None:
    """The unit, factor and offset in which a signal may come by mistake; None: none is known.

    >>> other_unit(("LOINC//2160-0",), "mg/dL")
    ('umol/L', 88.4, 0.0)
    """
    found = [OTHER_UNITS[code, unit or ""] for code in codes if (code, unit or "") in OTHER_UNITS]
    return found[0] if found else None
