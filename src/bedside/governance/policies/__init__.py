"""The policies that Bedside ships, as data: read them beside docs/reference/policies.md."""
