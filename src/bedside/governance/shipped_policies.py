"""The policies that Bedside ships, and the words that any policy may use."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

__all__ = ["PolicySource", "schema_text", "shipped_policies"]

SHIPPED = "shipped with Bedside"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySource:
    """Policies as they were written, and where they are from."""

    origin: str
    text: str


@lru_cache(maxsize=1)
def shipped_policies() -> tuple[PolicySource, ...]:
    """The shipped files, in the order of their names."""
    found = sorted(
        (one for one in files("bedside.governance.policies").iterdir() if _is_policy(one.name)),
        key=lambda one: one.name,
    )
    return tuple(PolicySource(origin=SHIPPED, text=one.read_text("utf-8")) for one in found)


@lru_cache(maxsize=1)
def schema_text() -> str:
    """The schema that every policy, person and question keeps."""
    return (files("bedside.governance.policies") / "bedside.cedarschema").read_text("utf-8")


def _is_policy(name: str) -> bool:
    return name.endswith(".cedar")
