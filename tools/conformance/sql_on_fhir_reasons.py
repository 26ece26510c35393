"""Why some of the tests of SQL on FHIR v2 do not pass, by `file: title`."""

__all__ = ["REASONS"]

REASONS: dict[str, str] = {}
