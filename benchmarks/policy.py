"""Time of one decision with 100 policies, as a ratio to Cedar's own call over all of them.

The floor is `cedarpy.is_authorized` on one parsed set of all policies and on parsed entities, as
its documentation advises. Ours checks the question against the schema as well, names the policies,
and writes the reasons; it asks each act of its own policies alone, and keeps what it decided.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import cedarpy

from bedside.core.records.policy import Access, Act, Resource, Role
from bedside.core.records.purpose import Purpose
from bedside.core.records.snapshot import Zone
from bedside.governance.adapters.cedar_policies import CedarPolicies, _entities, _request
from bedside.governance.shipped_policies import PolicySource, shipped_policies

NOW = datetime(2026, 11, 26, tzinfo=UTC)
ACTS = list(Act)


def more_policies(count: int) -> PolicySource:
    """A hospital's own: each lets one person do one thing with one data set."""
    text = "\n".join(
        f'@id("own-{n}") @words("Own {n}.") permit (principal == Person::"user:p{n}", '
        f'action == Action::"{ACTS[n % len(ACTS)].value}", resource == Thing::"set{n}") '
        'when { context.purpose in Purpose::"HOPERAT" && context.consent != "deny" };'
        for n in range(count)
    )
    return PolicySource(origin="own", text=text)


def questions(count: int) -> list[Access]:
    """All different, so that nothing that was kept is given again."""
    return [
        Access(
            actor=f"user:p{n % 50}",
            roles=frozenset({Role.DATA_SCIENTIST, Role.ML_ENGINEER}),
            act=ACTS[n % len(ACTS)],
            resource=Resource(name=f"set{n}", zone=Zone.RELEASED),
            purpose=Purpose.SYSDEV,
            when=NOW,
        )
        for n in range(count)
    ]


def micros(run: Callable[[Access], object], asked: list[Access]) -> list[float]:
    """Of each question, in microseconds."""
    found = []
    for one in asked:
        began = time.perf_counter()
        run(one)
        found.append((time.perf_counter() - began) * 1e6)
    return sorted(found)


def main() -> None:
    """Ask both, by turns, and print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--questions", type=int, default=1000)
    told = parser.parse_args()
    shipped = shipped_policies()
    count = 100 - len(CedarPolicies(shipped).describe())
    sources = (*shipped, more_policies(count))
    whole = cedarpy.PolicySet.from_str("\n".join(one.text for one in sources))

    def floor(one: Access) -> object:
        entities = _entities(one.actor, tuple(sorted(one.roles)))
        return cedarpy.is_authorized(_request(one), whole, entities)

    rounds: dict[str, list[float]] = {"floor": [], "ours": [], "p99": [], "kept": []}
    for _ in range(told.rounds):
        policies, asked = CedarPolicies(sources), questions(told.questions)
        policies.decide(asked[0])
        for one in asked[:50]:
            floor(one)
        rounds["floor"].append(statistics.median(micros(floor, asked)))
        ours = micros(policies.decide, asked[1:])
        rounds["ours"].append(statistics.median(ours))
        rounds["p99"].append(ours[int(len(ours) * 0.99)])
        rounds["kept"].append(statistics.median(micros(policies.decide, asked[1:])))
    medians = {name: statistics.median(values) for name, values in rounds.items()}
    spread = {name: (min(values), max(values)) for name, values in rounds.items()}
    print(f"{len(policies.describe())} policies, {told.questions} different questions a round")
    for name, words in (
        ("floor", "Cedar's own call over all policies"),
        ("ours", "one new decision"),
        ("p99", "one new decision, 99th percentile"),
        ("kept", "a decision asked for again"),
    ):
        low, high = spread[name]
        print(f"{words:<36} {medians[name]:7.1f} us  ({low:.1f} to {high:.1f})")
    print(f"ratio to the floor: {medians['ours'] / medians['floor']:.2f}")


if __name__ == "__main__":
    main()
