"""A replay in plain words, for a terminal."""

from collections.abc import Iterator

from bedside.core.errors import Invalid
from bedside.lifecycle.replay_tally import Replayed

__all__ = ["replayed_words", "speed_of"]


def speed_of(text: str) -> float | None:
    """How many times as fast as the clock; None: as fast as answers come.

    Raises:
        Invalid: it is neither a number nor `max`.

    >>> speed_of("3600x"), speed_of("max")
    (3600.0, None)
    """
    if text == "max":
        return None
    try:
        return float(text.removesuffix("x"))
    except ValueError:
        raise Invalid("That is no speed.", fix="give a number such as 3600x, or max.") from None


def replayed_words(done: Replayed) -> str:
    """What was asked, what came, how fast, and who answered."""
    return "\n".join(_lines(done))


def _lines(done: Replayed) -> Iterator[str]:
    yield (
        f"{done.model}: {done.answered:,} of {done.questions:,} questions about {done.subjects:,} "
        f"patients were answered in {done.seconds:,.1f} s, {done.per_second:,.0f} a second."
    )
    for outcome, count in done.outcomes.items():
        told = f", {done.alerts:,} of them alerts" if outcome == "score" else ""
        yield f"  {outcome:<28} {count:>9,}{told}"
    if done.latency_ms:
        ms = done.latency_ms
        yield (
            f"  latency: median {ms['median']:.1f} ms, 90th percentile {ms['p90']:.1f} ms, "
            f"99th {ms['p99']:.1f} ms, longest {ms['max']:,.0f} ms"
        )
    if done.behind_s >= 1:
        yield f"  the latest question was asked {done.behind_s:,.1f} s after its time"
    if done.repeated:
        yield f"  {done.repeated:,} requests were sent again, under the same id"
    for one in done.versions:
        yield (
            f"  {one.version} answered {one.answers:,}, "
            f"from {_time(one.first_at)} to {_time(one.last_at)}"
        )
    if not done.is_whole:
        yield (
            f"Stopped: {done.unanswered:,} got no answer, for the server is away or busy, and the "
            "rest was not asked. See that it runs where --server says, and run the same command to "
            "go on: what was answered is not answered again."
        )


def _time(at: str) -> str:
    return f"{at[11:23]} UTC"
