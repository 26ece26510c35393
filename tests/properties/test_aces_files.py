"""Task files of ACES: what is written is read again, and no bytes do more than be refused."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError
from bedside.core.records.question import CodePattern, Predicate, Question, Window
from bedside.interop.aces import read_aces, unused, write_aces

NAME = "Mrs Secret"
TASK = f"""
description: {NAME} and the others
predicates:
  admission: {{code: {{regex: "^ADMISSION//{NAME}"}}}}
  death: {{code: "DEATH//{NAME}", value_min: 71.25, text_value: {NAME}}}
  low: {{code: {{any: ["{NAME}", b]}}, static: true}}
  either: {{expr: "or(death, admission)"}}
patient_demographics: {{male: {{code: SEX//male}}}}
trigger: admission
windows:
  input: {{start: NULL, end: trigger + 24h, start_inclusive: True, end_inclusive: True,
          has: {{admission: "(5, None)"}}, index_timestamp: end}}
  target: {{start: input.end, end: start -> either, start_inclusive: False, end_inclusive: True,
           label: death}}
"""
names = st.sampled_from(["a", "b_1", "no", "null_2", "Y", "e1", "d"])
texts = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
patterns = st.sampled_from(
    ["A", "A|B", ".*A", ".*(?:A|B)", ".*(?:A)", "(?:A)|(?:B)", "(?i)a", "(?i).*a", ".*", "A.*$",
     "[(]x", ".*.*A", "^A", ".*(?:^A|B)", "a\\|b", ".*?A"]
)  # fmt: skip
codes = st.one_of(
    texts,
    patterns.map(lambda one: CodePattern(regex=one)),
    st.lists(texts, min_size=1, max_size=3).map(lambda some: CodePattern(any=tuple(some))),
)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
flags = st.none() | st.booleans()
plain = st.builds(
    Predicate,
    code=codes,
    value_min=numbers,
    value_max=numbers,
    value_min_inclusive=flags,
    value_max_inclusive=flags,
    other_cols=st.dictionaries(st.sampled_from(["text_value", "unit", "ward"]), texts, max_size=2),
)
spans = st.tuples(st.integers(1, 90), st.sampled_from(["s", "min", "h", "d"]))


def words(count, unit):
    whole = {"s": 60, "min": 60, "h": 24}.get(unit)
    return words(count // whole, {"s": "min", "min": "h", "h": "d"}[unit]) if (
        whole and count % whole == 0
    ) else f"{count} {unit}"  # fmt: skip


@st.composite
def questions(draw):
    """Questions that ACES can say in full: a chain of windows that lean one on the other."""
    known = draw(st.lists(names, min_size=2, max_size=5, unique=True))
    predicates = {name: draw(plain) for name in known}
    predicates["either"] = Predicate(expr=f"or({known[0]}, {known[1]})")
    any_of = st.sampled_from([*known, "either"])
    windows, near = {}, ["trigger"]
    index = draw(st.integers(0, 5))
    for number in range(draw(st.integers(0, 4))):
        anchor, span = draw(st.sampled_from(near)), words(*draw(spans))
        forward = draw(st.sampled_from([f"start + {span}", f"start -> {draw(any_of)}", None]))
        back = draw(st.sampled_from([f"end - {span}", f"end <- {draw(any_of)}", None]))
        start, end = draw(st.sampled_from([(anchor, forward), (back, anchor)]))
        low = draw(st.none() | st.integers(0, 1))
        bound = (low, None) if low is not None else (None, draw(st.integers(0, 1)))
        windows[f"w{number}"] = Window(
            start=start,
            end=end,
            start_inclusive=draw(st.booleans()),
            end_inclusive=draw(st.booleans()),
            has={draw(any_of): str(bound)} if draw(st.booleans()) else {},
            label=draw(any_of) if number == index else None,
            index_timestamp="end" if number == index else None,
        )
        near += [f"w{number}.start", f"w{number}.end"]
    return Question(
        ask=draw(st.just("") | texts.map(str.strip)),
        predicates=predicates,
        trigger=draw(any_of | st.just("_ANY_EVENT")),
        windows=windows,
        patient_demographics=draw(
            st.just({}) | st.just({"male": Predicate(code="SEX//male", static=True)})
        ),
    )


@settings(max_examples=200, deadline=None)
@given(questions())
def test_a_question_that_is_written_without_loss_is_read_again_as_it_was(asked: Question) -> None:
    content, losses = write_aces(asked)

    assert not losses
    assert read_aces(content) == asked


@settings(max_examples=150, deadline=None)
@given(patterns, st.text("ABabx|(", max_size=4))
def test_a_pattern_that_is_written_finds_the_same_codes(pattern: str, code: str) -> None:
    asked = Question(
        ask="", predicates={"a": Predicate(code=CodePattern(regex=pattern))}, trigger="a"
    )

    content, _ = write_aces(asked)

    found = re.search(r'regex: "(.*)"', content.decode())
    assert found is not None
    written = found.group(1).replace("\\\\", "\\")
    assert bool(re.search(written, code)) == bool(re.match(pattern, code))


def refused_or_read(content: bytes, predicates: bytes | None = None) -> None:
    told = ""
    try:
        asked = read_aces(content, predicates=predicates)
        assert read_aces(write_aces(asked)[0]).trigger == asked.trigger
        unused(content, predicates=predicates)
    except BedsideError as error:
        told = str(error)
    assert NAME not in told
    assert "71.25" not in told


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=60))
def test_any_bytes_are_refused_or_read(content: bytes, predicates: bytes) -> None:
    refused_or_read(content, predicates)


PIECES = [
    *["", ":", "{", "}", "[", "]", "'", '"', "\n", " ", "&a ", "*a", "<<: ", "!!python/x ", "???"],
    *["null", "trigger", "start", "end", " -> ", " <- ", "+", "1e999", "or(", ")", "\x00", "é"],
    *["- ", "? ", "| ", "%", "9" * 40, "static", "code", "any", "regex"],
]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(TASK)), st.integers(0, 12), st.sampled_from(PIECES)),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)
def test_a_task_that_was_changed_anywhere_is_refused_or_read(
    changes: list[tuple[int, int, str]], apart: bool
) -> None:
    text = TASK
    for place, length, piece in changes:
        text = text[:place] + piece + text[place + length :]
    content = text.encode()
    refused_or_read(content, content.partition(b"trigger:")[0] if apart else None)
