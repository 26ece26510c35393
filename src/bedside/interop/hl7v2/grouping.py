"""A message in groups: each patient in it, and under each patient the orders and what they hold."""

from dataclasses import dataclass, field

from bedside.interop.hl7v2.clinical import FINDINGS
from bedside.interop.hl7v2.message import Message, Segment

__all__ = ["OrderGroup", "PatientGroup", "patient_groups"]

_DETAILS = frozenset({"RXO", "RXE", "RXA", "ODS", "ODT", "RQD"})
_LEAD = frozenset({"MSH", "SFT", "UAC", "EVN"})


@dataclass(slots=True)
class OrderGroup:
    """An order: ORC, OBR, what is ordered (RXO, RXE, RXA, ODS), its specimen and observations."""

    control: Segment | None = None
    request: Segment | None = None
    details: list[Segment] = field(default_factory=list)
    specimen: Segment | None = None
    observations: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class PatientGroup:
    """What a message says about one patient.

    `first` and `last` are the indices of its segments in the message, the last one excluded; the
    lines before PID belong to the first patient. A finding stands with its visit.
    """

    first: int
    last: int
    event: Segment | None
    patient: Segment | None = None
    merges: list[Segment] = field(default_factory=list)
    visits: list[Segment] = field(default_factory=list)
    findings: list[Segment] = field(default_factory=list)
    orders: list[OrderGroup] = field(default_factory=list)
    loose: list[Segment] = field(default_factory=list)
    schedule: Segment | None = None
    timing: Segment | None = None
    services: list[Segment] = field(default_factory=list)
    documents: list[Segment] = field(default_factory=list)
    content: list[Segment] = field(default_factory=list)


def patient_groups(message: Message) -> list[PatientGroup]:
    r"""The groups of a message; none where it has no PID.

    >>> from bedside.interop.hl7v2.message import read_message
    >>> text = b"MSH|^~\\&|||||||ORU^R01\rPID|1||7\rOBR|1\rOBX|1|NM\rOBX|2|NM\rOBR|2\rOBX|1|NM"
    >>> [len(order.observations) for order in patient_groups(read_message(text))[0].orders]
    [2, 1]
    """
    segments = message.segments
    starts = [place for place, one in enumerate(segments) if one.name == "PID"]
    if not starts:
        return []
    event = next((one for one in segments if one.name == "EVN"), None)
    begins = [_after_lead(segments) if len(starts) > 1 else 0, *starts[1:]]
    ends = [*starts[1:], len(segments)]
    groups = []
    for first, last in zip(begins, ends, strict=True):
        group = PatientGroup(first, last, event)
        _Grouping(group, message).fill(segments[first:last])
        groups.append(group)
    return groups


def _after_lead(segments: list[Segment]) -> int:
    return next(place for place, one in enumerate(segments) if one.name not in _LEAD)


class _Grouping:
    """Puts segments where they belong, one after the other."""

    def __init__(self, group: PatientGroup, message: Message) -> None:
        self._group = group
        self._order: OrderGroup | None = None
        header = message.header
        self._by_specimen = header.kind == "OUL" and header.event in ("R22", "R23")
        self._order_after_request = header.kind == "OUL"
        self._is_document = header.kind == "MDM"

    def fill(self, segments: list[Segment]) -> None:
        for one in segments:
            self._place(one)

    def _place(self, one: Segment) -> None:
        group, name = self._group, one.name
        if name in FINDINGS:
            group.findings.append(one)
        elif name == "OBX":
            self._observe(one)
        elif name in ("ORC", "OBR", "SPM") or name in _DETAILS:
            self._under_order(one)
        elif name == "PID":
            group.patient = one
        elif name == "MRG":
            group.merges.append(one)
        elif name == "PV1":
            group.visits.append(one)
        elif name == "TXA":
            group.documents.append(one)
        elif name == "SCH":
            group.schedule = group.schedule or one
        elif name == "TQ1" and self._order is None:
            group.timing = group.timing or one
        elif name == "AIS":
            group.services.append(one)

    def _observe(self, one: Segment) -> None:
        if self._is_document and self._group.documents:
            self._group.content.append(one)
        elif self._order is not None:
            self._order.observations.append(one)
        else:
            self._group.loose.append(one)

    def _under_order(self, one: Segment) -> None:
        order, name = self._order, one.name
        if name == "ORC":
            if self._order_after_request and order and order.request and not order.control:
                order.control = one
                return
            self._open().control = one
        elif name == "OBR":
            if order is None or order.request or order.details or order.observations:
                order = self._open()
            order.request = one
        elif name == "SPM":
            if self._by_specimen:
                self._order = None
            elif order is not None and order.specimen is None:
                order.specimen = one
        else:
            given = order is not None and any(it.name == one.name for it in order.details)
            if order is None or given or (name == "RXA" and order.observations):
                order = self._open()
            order.details.append(one)

    def _open(self) -> OrderGroup:
        self._order = OrderGroup()
        self._group.orders.append(self._order)
        return self._order
