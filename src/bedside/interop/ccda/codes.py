"""Codes of HL7 version 3 (CD and its kin) as event codes: `2.16.840.1.113883.6.1` is LOINC."""

import re
from collections import Counter
from xml.etree.ElementTree import Element

from bedside.interop.ccda.xml import children

__all__ = ["code_of", "text_of"]

_SYSTEMS = {
    "2.16.840.1.113883.6.1": "LOINC",
    "2.16.840.1.113883.6.96": "SNOMED",
    "2.16.840.1.113883.6.88": "RXNORM",
    "2.16.840.1.113883.6.90": "ICD10CM",
    "2.16.840.1.113883.6.3": "ICD10",
    "2.16.840.1.113883.6.4": "ICD10PCS",
    "2.16.840.1.113883.6.103": "ICD9CM",
    "2.16.840.1.113883.6.104": "ICD9PROC",
    "2.16.840.1.113883.6.12": "CPT4",
    "2.16.840.1.113883.6.14": "HCPCS",
    "2.16.840.1.113883.6.285": "HCPCS",
    "2.16.840.1.113883.12.292": "CVX",
    "2.16.840.1.113883.6.59": "CVX",
    "2.16.840.1.113883.6.69": "NDC",
    "2.16.840.1.113883.6.73": "ATC",
}
"""Object identifiers of code systems. Source: HL7 OID registry."""

_HL7 = "2.16.840.1.113883.5."
_OID = re.compile(r"[0-9]+(\.[0-9]+){2,30}")
_CODE = re.compile(r"[\x21-\x7e]{1,64}")
_LONGEST = 4000  # letters of a text that stands for a code


def code_of(element: Element | None, unknown: Counter[str]) -> str | None:
    """The event code of a coded element, or None if it has none.

    Its own code comes first where its system is known, then that of a translation, then its own
    code as `LOCAL//code`, which is counted in `unknown` under `system|code`.
    """
    if element is None:
        return None
    every = [element, *children(element, "translation")]
    known = (_known(one) for one in every)
    found = next((code for code in known if code is not None), None)
    if found is not None:
        return found
    for one in every:
        code, system = one.get("code", ""), one.get("codeSystem", "")
        if _CODE.fullmatch(code):
            unknown[f"{system if _OID.fullmatch(system) else ''}|{code}"] += 1
            return f"LOCAL//{code}"
    return None


def _known(element: Element) -> str | None:
    code, system = element.get("code", ""), element.get("codeSystem", "")
    if not _CODE.fullmatch(code):
        return None
    if system in _SYSTEMS:
        return f"{_SYSTEMS[system]}//{code}"
    if system.startswith(_HL7) and _OID.fullmatch(system):
        return f"HL7//{system.removeprefix(_HL7)}//{code}"
    return None


def text_of(element: Element | None, unknown: Counter[str]) -> str | None:
    """A coded answer as text: its code, or else its name, or else its original words."""
    if element is None:
        return None
    code = code_of(element, unknown)
    if code is not None:
        return code
    words = next((one.text for one in children(element, "originalText") if one.text), None)
    text = (element.get("displayName") or words or "").strip()
    return text[:_LONGEST] or None
