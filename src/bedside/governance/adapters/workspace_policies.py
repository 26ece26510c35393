"""The policies that count in a workspace: the shipped ones and its own, looked at again."""

import threading
import time
from collections.abc import Sequence

from bedside.core.ports.policy import PolicyVersions
from bedside.core.records.policy import Access, Decision, PolicyText
from bedside.governance.adapters.cedar_policies import CedarPolicies
from bedside.governance.shipped_policies import PolicySource, shipped_policies

__all__ = ["WorkspacePolicies", "sources_of"]

SECONDS = 1.0


def sources_of(versions: PolicyVersions) -> tuple[PolicySource, ...]:
    """The shipped files and the newest version of each of a workspace's own.

    Raises:
        Refused: one was changed (code `policies_damaged`).
    """
    newest = {one.origin: one for one in versions.all()}
    own = (
        PolicySource(origin=f"{one.origin}, version {one.version}", text=one.text)
        for one in newest.values()
        if one.text
    )
    return (*shipped_policies(), *own)


class WorkspacePolicies:
    """The Policies port; a change is known to running servers within a second.

    Args:
        versions: The workspace's own.
        seconds: How long what was read counts before it is asked whether there is more.
    """

    def __init__(self, versions: PolicyVersions, *, seconds: float = SECONDS) -> None:
        self._versions, self._seconds = versions, seconds
        self._lock = threading.Lock()
        self._revision, self._looked = -1, float("-inf")
        self._policies = CedarPolicies(())

    def decide(self, access: Access) -> Decision:
        """Whether it may be done, by which policies and why.

        Raises:
            Refused: a policy was changed outside of Bedside (code `policies_damaged`).
        """
        return self._now().decide(access)

    def describe(self) -> Sequence[PolicyText]:
        """Every policy, in the order of its text."""
        return self._now().describe()

    def _now(self) -> CedarPolicies:
        if time.monotonic() - self._looked < self._seconds:
            return self._policies
        with self._lock:
            revision = self._versions.revision()
            if revision != self._revision:
                self._policies = CedarPolicies(sources_of(self._versions))
                self._revision = revision
            self._looked = time.monotonic()
            return self._policies
