"""Units of measure: what sources write as UCUM codes, and how one unit becomes another."""

from bedside.interop.ucum.conversion import factor_between
from bedside.interop.ucum.spelling import ucum_of

__all__ = ["factor_between", "ucum_of"]
