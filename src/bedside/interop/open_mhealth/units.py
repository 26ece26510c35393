"""The units of Open mHealth as UCUM codes."""

__all__ = ["ucum"]

_UNITS = {
    "%": "%", "sec": "s", "min": "min", "wk": "wk", "Mo": "mo", "yr": "a", "hr": "h",
    "mmHg": "mm[Hg]", "C": "Cel", "F": "[degF]", "beats/min": "{beats}/min",
    "breaths/min": "{breaths}/min", "steps": "{steps}", "ppm": "[ppm]",
    "kg/m^2": "kg/m2", "m/s^2": "m/s2", "mg/hr": "mg/h", "min/mi": "min/[mi_i]",
    "in": "[in_i]", "ft": "[ft_i]", "yd": "[yd_i]", "mi": "[mi_i]",
    "mm^2": "mm2", "cm^2": "cm2", "m^2": "m2", "km^2": "km2", "in^2": "[sin_i]",
    "ft^2": "[sft_i]", "yd^2": "[syd_i]", "mi^2": "[mi_i]2", "in^3": "[cin_i]",
    "gr": "[gr]", "oz": "[oz_av]", "lb": "[lb_av]", "Ton": "[ston_av]", "Metric Ton": "t",
    "fl oz": "[foz_us]", "Cup": "[cup_us]", "pt": "[pt_us]", "qt": "[qt_us]",
    "gal": "[gal_us]", "tsp": "[tsp_us]", "tbsp": "[tbs_us]",
    "IU": "[iU]", "IU/L": "[iU]/L", "IU/mL": "[iU]/mL", "mEq": "meq", "unt": "{unt}",
    "unt/mL": "{unt}/mL", "organisms": "{organisms}", "X": "{X}",
}  # fmt: skip
_COUNTED = frozenset(
    {
        "ampule", "applicator", "bag", "bar", "bead", "blister", "bottle", "box", "can",
        "canister", "capsule", "carton", "cartridge", "cellular sheet", "cloth", "container",
        "cup", "cylinder", "disc", "dose pack", "globule", "granule", "gum", "inhaler", "jar",
        "jug", "kit", "lozenge", "package", "packet", "pastille", "patch", "pellet", "piece",
        "pill", "pouch", "ring", "salve", "stick", "strip", "suppository", "swab", "syringe",
        "tablet", "tampon", "tape", "troche", "tube", "vial", "wafer",
    }
)  # fmt: skip


def ucum(unit: str) -> str:
    """The UCUM code of a unit; what is none of Open mHealth's other spellings stays as it is.

    >>> ucum("mmHg"), ucum("tablet"), ucum("kg")
    ('mm[Hg]', '{tablet}', 'kg')
    """
    if unit in _COUNTED:
        return "{" + unit.replace(" ", "_") + "}"
    return _UNITS.get(unit, unit)
