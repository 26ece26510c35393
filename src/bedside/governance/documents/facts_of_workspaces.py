"""What a workspace shows of its own safeguards: people, policies, ledger, keys, access, data."""

from bedside.governance.documents.document import Line
from bedside.governance.documents.held import Held

__all__ = [
    "backups",
    "certificates",
    "checkpoints",
    "clients",
    "consents",
    "data_sets",
    "deidentified",
    "disclosures",
    "encryption",
    "erasures",
    "forbidding",
    "issuer",
    "ledger",
    "own_policies",
    "permitting",
    "purposes",
    "recipients",
    "refusals",
    "risks",
    "roles",
    "seals",
    "sessions",
    "transport",
]


def roles(held: Held) -> list[Line]:
    """Who holds which role; or that everybody who can open the workspace holds each."""
    told = held.told["people"]
    if not told["strict"]:
        text = "nobody was given one: whoever can open the workspace holds every role"
        return [held.line("Roles", text, ("people", "strict"))]
    return [
        held.line(one["person"], one["role"].replace("_", " "), ("people", "roles", at))
        for at, one in enumerate(told["roles"])
    ]


def clients(held: Held) -> list[Line]:
    """Programs that may ask, each by a name of its own."""
    return [
        held.line(
            f"Client {one['name']}",
            f"known by its {one['known_by']}; {one['state']}",
            ("clients", at),
        )
        for at, one in enumerate(held.told["clients"])
    ]


def issuer(held: Held) -> list[Line]:
    """Whether people sign in at an identity provider."""
    if not held.told["access"]["issuer"]:
        return []
    text = "people and programs are known by the tokens of an OpenID provider (access.json)"
    return [held.line("Identity provider", text, ("access", "issuer"))]


def certificates(held: Held) -> list[Line]:
    """Whether programs are known by certificates."""
    if not held.told["access"]["certificates"]:
        return []
    text = "clients may be known by certificates of an authority that is named (access.json)"
    return [held.line("Mutual TLS", text, ("access", "certificates"))]


def sessions(held: Held) -> list[Line]:
    """After how long somebody who signed in must do so again."""
    hours = held.told["access"]["session_hours"]
    if hours is None:
        return []
    text = f"whoever signs in at the provider must do so again after {hours} hours"
    return [held.line("Sessions", text, ("access", "session_hours"))]


def transport(held: Held) -> list[Line]:
    """What a server refuses to do without TLS; and what is declared of a proxy."""
    made = [
        held.line(
            "Built in",
            "a server answers beyond this machine only with TLS, or behind a declared proxy",
            ("access",),
        )
    ]
    if held.told["access"]["behind_proxy"]:
        text = "a proxy that ends TLS is declared to be the only way in"
        made.append(held.line("Proxy", text, ("access", "behind_proxy")))
    return made


def permitting(held: Held) -> list[Line]:
    """The policies that permit something, in force now."""
    return _policies(held, forbids=False)


def forbidding(held: Held) -> list[Line]:
    """The policies that forbid something, whoever asks."""
    return _policies(held, forbids=True)


def _policies(held: Held, *, forbids: bool) -> list[Line]:
    return [
        held.line(one["name"], one["words"], ("policies", at))
        for at, one in enumerate(held.told["policies"])
        if one["forbids"] is forbids
    ]


def own_policies(held: Held) -> list[Line]:
    """How many versions of policies of its own the workspace has, each signed."""
    many = held.told["own_policies"]
    return [held.line("Own policies, versions", f"{many:,}", ("own_policies",))]


def ledger(held: Held) -> list[Line]:
    """What a verification of the ledger found, just now."""
    told = held.told["ledger"]
    found = "no fault" if not told["faults"] else f"{told['faults']:,} FAULTS"
    text = f"{told['entries']:,} entries, each chained to the one before; {found}"
    return [held.line("Ledger verified", text, ("ledger",))]


def checkpoints(held: Held) -> list[Line]:
    """Checkpoints that agree, whether a witness cosigned them, and where they are shipped to."""
    told = held.told["ledger"]
    if not told["checkpoints"]:
        return []
    text = (
        f"{told['checkpoints']:,} agree, the largest of {told['newest']:,} entries; "
        f"{told['cosigned']:,} cosigned by a witness; shipped to {told['places']:,} places"
    )
    return [held.line("Checkpoints", text, ("ledger",))]


def encryption(held: Held) -> list[Line]:
    """The keys, where they are kept, and what each protects."""
    return [
        held.line(f"Key {one['name']}", f"{one['protects']}; kept in: {one['where']}; versions: "
                  f"{one['versions']:,}", ("keys", at))
        for at, one in enumerate(held.told["keys"])
    ]  # fmt: skip


def seals(held: Held) -> list[Line]:
    """What is signed, and by which digests it is checked."""
    told = held.told["seals"]
    text = (
        f"{told['bundles']:,} bundles and {told['snapshots']:,} states of data, each by its "
        "SHA-256 and signed; bytes that were changed are refused"
    ).replace("its SHA-256", "its digest")
    return [held.line("Sealed", text, ("seals",))]


def data_sets(held: Held) -> list[Line]:
    """Each data set: how many subjects, in which zone, under which rule."""
    return [
        held.line(
            one["name"],
            f"{one['subjects']} subjects, {one['zone']}, {one['release_mode'].replace('_', ' ')}",
            ("data_sets", at),
        )
        for at, one in enumerate(held.told["data_sets"])
    ]


def purposes(held: Held) -> list[Line]:
    """For which purposes the ledger says that something was done, and how often."""
    return [
        held.line(purpose, f"{many} entries", ("purposes", purpose))
        for purpose, many in held.told["purposes"].items()
    ]


def recipients(held: Held) -> list[Line]:
    """What left the workspace, by kind; to whom stands in the accounting of disclosures."""
    return [
        held.line(action, f"{many} entries", ("left", action))
        for action, many in held.told["left"].items()
    ]


def disclosures(held: Held) -> list[Line]:
    """That disclosures are accounted for, from the ledger."""
    text = "bedside ledger disclosures tells them for a patient, from the ledger"
    return [held.line("Accounting", text, ("ledger", "entries"))]


def refusals(held: Held) -> list[Line]:
    """How often a policy refused something."""
    many = held.told["refused"]
    return [held.line("Refused by a policy", f"{many} times", ("refused",))]


def risks(held: Held) -> list[Line]:
    """What was measured of the risk that is left in released data."""
    return [
        held.line(
            one["data"],
            f"k is {one['k']}, wanted {one['wanted_k']}: "
            + ("enough" if one["is_enough"] else "NOT enough"),
            ("risks", at),
        )
        for at, one in enumerate(held.told["risks"])
    ]


def deidentified(held: Held) -> list[Line]:
    """The data sets from which something was taken out."""
    return [one for one in data_sets(held) if ", released, " in one.text]


def consents(held: Held) -> list[Line]:
    """How many consents and refusals are recorded, and count before data are used."""
    return [held.line("Recorded", f"{held.told['consents']}", ("consents",))]


def erasures(held: Held) -> list[Line]:
    """How often a patient was erased."""
    return [held.line("Erasures", f"{held.told['erasures']}", ("erasures",))]


def backups(held: Held) -> list[Line]:
    """How many backups the ledger tells of."""
    many = held.told["backups"]
    return [held.line("Backups", f"{many:,}", ("backups",))] if many else []
