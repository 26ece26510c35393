"""The leakage audit: what looks into the future is named, and fails the build."""

from bedside.cohorts.leakage.audit import audit
from bedside.cohorts.leakage.declared import audit_declaration
from bedside.cohorts.leakage.inputs import AuditInputs
from bedside.cohorts.leakage.overlap import audit_splits
from bedside.cohorts.leakage.strength import audit_features
from bedside.cohorts.leakage.visibility import audit_visibility
from bedside.core.records.leakage import Finding

__all__ = [
    "AuditInputs",
    "Finding",
    "audit",
    "audit_declaration",
    "audit_features",
    "audit_splits",
    "audit_visibility",
]
