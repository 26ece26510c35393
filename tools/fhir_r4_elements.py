"""Writes the elements of FHIR R4 and their types, which FHIRPath needs, from a published model.

    python tools/fhir_r4_elements.py

The facts are HL7's (FHIR R4, CC0), read from the model files that the development dependency
`fhirpathpy` carries. One line holds one type, or one nested part of a resource, and what it is a
kind of; inherited elements are left out, and so are the nested parts, which have their own line:

    Patient.contact < BackboneElement: address Address, gender code, period Period, ...

A choice is written `value[x] Quantity|string`; `*` stands for every type of an extension.
"""

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path("src/bedside/interop/fhirpath/r4_elements.txt")
Elements = dict[str, dict[str, str]]


def model_folder() -> Path:
    """Where the installed package keeps its model of R4."""
    import fhirpathpy  # noqa: PLC0415  (only this tool needs it)

    return Path(fhirpathpy.__file__).parent / "models" / "r4"


def read(folder: Path, name: str) -> dict[str, Any]:
    """One file of the model."""
    content: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return content


def type_name(written: str, known: set[str]) -> str:
    """The type as FHIR writes it: the model capitalises the primitive ones in choices."""
    small = written[:1].lower() + written[1:]
    return small if small in known else written


def elements(folder: Path) -> tuple[Elements, dict[str, str]]:
    """What each type holds, and what each type is a kind of."""
    parents: dict[str, str] = read(folder, "type2Parent.json")
    choices: dict[str, list[str]] = read(folder, "choiceTypePaths.json")
    concrete = {path + option for path, options in choices.items() for option in options}

    held: Elements = {}
    for path, kind in read(folder, "path2Type.json").items():
        owner, _, name = path.rpartition(".")
        if owner and path not in concrete:
            held.setdefault(owner, {})[name] = kind.replace("System.String", "string")
    open_choice = choices["Extension.value"]
    for path, options in choices.items():
        owner, _, name = path.rpartition(".")
        closed = "|".join(type_name(option, set(parents)) for option in options)
        held.setdefault(owner, {})[name + "[x]"] = "*" if options == open_choice else closed
    for path, source in read(folder, "pathsDefinedElsewhere.json").items():
        owner, _, name = path.rpartition(".")
        held.setdefault(owner, {})[name] = source

    for owner, names in held.items():
        if "." in owner:
            parents[owner] = "BackboneElement" if "modifierExtension" in names else "Element"
        elif "implicitRules" in names:
            names["id"] = "id"
    return held, parents


def inherited(owner: str, held: Elements, parents: dict[str, str]) -> dict[str, str]:
    """What the kinds above `owner` hold already."""
    above = parents.get(owner, "")
    return {**inherited(above, held, parents), **held.get(above, {})} if above else {}


def lines(held: Elements, parents: dict[str, str]) -> list[str]:
    """The table, one line for each type."""
    written = []
    for owner in sorted({*held, *parents}):
        already = inherited(owner, held, parents)
        parts = [
            f"{name} {kind}"
            for name, kind in sorted(held.get(owner, {}).items())
            if already.get(name) != kind and f"{owner}.{name}" not in held
        ]
        written.append(f"{owner} < {parents.get(owner, '')}: {', '.join(parts)}")
    return written


def main(root: Path) -> int:
    """Write the table."""
    table = lines(*elements(model_folder()))
    (root / TARGET).write_text("\n".join(table) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(table)} types.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
