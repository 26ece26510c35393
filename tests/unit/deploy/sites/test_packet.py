"""A release packet is taken from the trusted hub alone: whole, fresh, and newer than the last."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Invalid, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.site import Offer
from bedside.deploy.sites.packet import SIGNATURE, read_packet, write_packet
from bedside.infra.keys.ed25519 import Ed25519Signer

HUB, STRANGER = Ed25519Signer(bytes(32)), Ed25519Signer(bytes([7] * 32))
NOW = datetime(2026, 3, 2, tzinfo=UTC)
MANIFEST = b'{"facts":{},"files":{},"format":"bedside-bundle/1"}'
FILES = {"manifest.json": MANIFEST, "model.onnx": b"\x00a model\xff", SIGNATURE: b"signed"}
OFFER = Offer(
    version=f"sepsis@{digest_bytes(MANIFEST)[:12]}",
    bundle=digest_bytes(MANIFEST),
    stage="live",
    gates=("auroc: low 0.800 is at least 0.75",),
    approvals=("ab" * 32,),
    sequence=4,
    issued_at="2026-03-01T00:00:00Z",
    expires_at="2026-04-01T00:00:00Z",
)
PACKET = write_packet(OFFER, FILES, HUB)


def refused(content=PACKET, hub=HUB, now=NOW, after=3):
    with pytest.raises(Refused) as caught:
        read_packet(content, hub, now=now, after=after)
    return caught.value.code


def test_what_the_hub_wrote_comes_out_the_same():
    packet = read_packet(PACKET, HUB, now=NOW, after=3)

    assert packet.offer == OFFER
    assert packet.files == FILES
    assert write_packet(OFFER, FILES, HUB) == PACKET


def test_a_packet_by_another_key_is_refused():
    assert refused(hub=STRANGER) == "bad_signature"


@pytest.mark.parametrize("after", [4, 5])
def test_a_packet_that_was_taken_or_is_older_is_refused(after):
    assert refused(after=after) == "packet_older"


def test_a_packet_is_good_from_its_issue_until_it_expires():
    assert refused(now=NOW + timedelta(days=30)) == "packet_expired"
    assert refused(now=NOW - timedelta(days=2)) == "packet_early"


@given(at=st.integers(0, len(PACKET) - 1), bit=st.integers(0, 7))
def test_a_packet_with_any_bit_changed_is_refused(at, bit):
    changed = bytearray(PACKET)
    changed[at] ^= 1 << bit
    assert refused(bytes(changed)) in ("packet_unreadable", "bad_signature", "packet_tampered")


@given(st.binary() | st.binary().map(lambda more: PACKET[:26] + more))
def test_a_strangers_bytes_are_refused_and_nothing_else(content):
    assert refused(content) == "packet_unreadable"


@given(st.integers(0, len(PACKET) - 1))
def test_a_packet_that_was_cut_or_grew_is_refused(size):
    assert refused(PACKET[:size]) in ("packet_unreadable", "packet_tampered")
    assert refused(PACKET + PACKET[: size + 1]) == "packet_tampered"


@pytest.mark.parametrize("name", ["patients.parquet", "../model.onnx", "/etc/passwd"])
def test_nothing_but_a_model_and_its_evidence_may_leave_the_hub(name):
    with pytest.raises(Invalid, match="may leave the hub"):
        write_packet(OFFER, {**FILES, name: b""}, HUB)


def test_another_bundle_than_the_offered_one_is_not_packed():
    with pytest.raises(Invalid, match="not the signed bundle"):
        write_packet(replace(OFFER, bundle="00" * 32), FILES, HUB)
