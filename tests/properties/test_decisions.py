"""Whoever signs what, when, and however clocks jump: nothing takes effect with too few people."""

import json
import tempfile
from dataclasses import replace
from datetime import timedelta
from itertools import combinations, count, permutations
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bedside.core.clock import FixedClock
from bedside.core.errors import Refused
from bedside.core.records.decision import DecisionKind, DecisionState
from bedside.core.records.signature import Meaning
from bedside.governance.decision_rules import shipped_rules
from bedside.lifecycle.deciding import (
    book_of,
    open_decision,
    sign_decision,
    standing_in,
    withdraw_decision,
)
from deciding import STAFF, a_hand, a_hospital, acting

PEOPLE = st.sampled_from([*STAFF, "user:ada"])
KINDS = st.sampled_from(
    [DecisionKind.MODEL_LIVE, DecisionKind.MODEL_SILENT, DecisionKind.CONSENT_OVERRIDE]
)
EXAMPLES = count(1)
_hospital = []


def the_hospital():
    """One for all examples; each opens decisions of its own, years after those before it."""
    if not _hospital:
        folder = tempfile.TemporaryDirectory()
        platform, hands = a_hospital(Path(folder.name) / "w")
        clock = FixedClock(platform.clock.now())
        platform.ledger._clock = clock  # the clock of the machine, which the test moves
        _hospital.extend([folder, replace(platform, clock=clock), hands, clock.at])
    return _hospital[1:]


class Deciding(RuleBasedStateMachine):
    """People sign, copy, forge and take back in any order; a plain list keeps what is genuine."""

    @initialize(kind=KINDS, authors=st.sets(PEOPLE, max_size=2))
    def begin(self, kind, authors):
        self.platform, self.hands, started = the_hospital()
        self.platform.clock.at = started + timedelta(days=2000 * next(EXAMPLES))
        self.authors, self.rule = authors, shipped_rules()[kind]
        record = {"version": "diagnosis@1"}
        self.decision = open_decision(
            self.platform, kind, "a test", record, authors=sorted(authors)
        )
        self.other = open_decision(self.platform, kind, "another", record)
        self.genuine, self.latest, self.whole = [], self.platform.clock.at, False

    def _wrote(self):
        self.latest = max(self.latest, self.platform.clock.at)

    @rule(who=PEOPLE)
    def sign(self, who):
        by = acting(self.platform, who)
        try:
            sign_decision(by, self.decision, self.hands[who], meaning=Meaning.APPROVAL)
        except Refused:
            return
        self.genuine.append((who, self.platform.clock.at))
        self._wrote()

    @rule()
    def many_sign(self):
        for who in ("user:dpo", "user:ben", "user:eve"):
            self.sign(who)

    @rule(who=PEOPLE)
    def sign_past_the_door(self, who):
        """Two genuine signatures, and nobody asked whether a place is left for them."""
        sign_decision.__globals__["_may_sign"], kept = (
            lambda *_: None,
            sign_decision.__globals__["_may_sign"],
        )
        try:
            self.sign(who)
            self.sign(who)
        finally:
            sign_decision.__globals__["_may_sign"] = kept

    @rule(who=PEOPLE)
    def sign_the_other_and_copy_it(self, who):
        by = acting(self.platform, who)
        try:
            sign_decision(by, self.other, self.hands[who], meaning=Meaning.APPROVAL)
        except Refused:
            return
        entry = list(self.platform.ledger.entries())[-1]
        self._put(by, entry.details, self.platform.ledger.unseal(entry.sequence))

    @rule(who=PEOPLE, hours=st.sampled_from([0, 1, -1]))
    def forge(self, who, hours):
        """A signature with a stranger's key, or one of Ben's for another time."""
        by, hand = acting(self.platform, who), a_hand() if hours == 0 else self.hands["user:ben"]
        signed = [
            one
            for one in self.platform.ledger.entries()
            if one.action == "decision.sign" and one.details["decision"] == self.decision.id
        ]
        if not signed:
            return
        from bedside.core.clock import iso  # noqa: PLC0415
        from bedside.core.ids import canonical_json  # noqa: PLC0415
        from bedside.core.records.signature import Signature  # noqa: PLC0415

        told = json.loads(self.platform.ledger.unseal(signed[-1].sequence))["signature"]
        mine = Signature.from_json(told)
        mine = replace(
            mine,
            signer=who,
            key=hand.signer.public_key_bytes.hex(),
            signed_at=iso(self.platform.clock.at + timedelta(hours=hours)),
        )
        mine = replace(mine, signature=hand.signer.sign(mine.signed_bytes()))
        details = signed[-1].details | {"signature": mine.digest}
        self._put(by, details, canonical_json({"signature": mine.as_json()}))

    def _put(self, by, details, sealed):
        told = details | {"decision": self.decision.id}
        by.ledger.append(by.actor, "decision.sign", told, sealed=sealed)
        self._wrote()

    @rule(who=PEOPLE)
    def take_back(self, who):
        try:
            withdraw_decision(acting(self.platform, who), self.decision, reason="a test")
        except Refused:
            return
        self.genuine = [one for one in self.genuine if one[0] != who]
        self._wrote()

    @rule(who=PEOPLE)
    def take_all_back(self, who):
        by = acting(self.platform, who)
        try:
            withdraw_decision(by, self.decision, reason="a test", whole=True)
        except Refused:
            return
        self.whole = True
        self._wrote()

    @rule(days=st.sampled_from([-40, -1, 1, 6, 8, 89, 91]))
    def the_clock_jumps(self, days):
        self.platform.clock.at += timedelta(days=days)

    @invariant()
    def it_is_in_force_only_with_enough_people(self):
        if not hasattr(self, "decision"):
            return
        book = book_of(self.platform)
        is_in_force = (
            standing_in(self.platform, book, self.decision).state is DecisionState.IN_FORCE
        )

        enough = self._enough(book)

        assert not is_in_force or enough
        assert self.rule.ordered or is_in_force == enough

    def _enough(self, book):
        """By trying every choice of signatures for the places."""
        now = max(self.platform.clock.at, self.latest)
        fresh = [one for one in self.genuine if now < one[1] + self.rule.counts]
        choose = combinations if self.rule.ordered else permutations
        return not self.whole and any(
            len({who for who, _ in chosen}) == len(chosen)
            and not {who for who, _ in chosen} <= self.authors
            and all(
                place & book.roles_at(who, at)
                for place, (who, at) in zip(self.rule.places, chosen, strict=True)
            )
            for chosen in choose(fresh, len(self.rule.places))
        )


TestDeciding = Deciding.TestCase
TestDeciding.settings = settings(max_examples=12, stateful_step_count=10, deadline=None)
