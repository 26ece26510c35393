"""Which version answers whom: live, canary and silent side by side."""

import asyncio
from dataclasses import replace
from typing import Any

from bedside.core.records.rollout import Canary
from bedside.core.records.version import Stage
from served import a_patient, a_served_model, asked, service_for


def told(service: Any, subject: int | None) -> tuple[str, bool]:
    model = service.model("sepsis")
    answer = asyncio.run(service.answer(model, asked(a_patient(), subject=subject)))
    return answer.stage, answer.shown


def test_a_silent_version_answers_beside_the_live_one_and_nobody_is_shown_it():
    live, silent = a_served_model(), a_served_model(stage=Stage.SILENT)
    silent.answerer.version_id = "sepsis@fedcba987654"
    service = service_for(live.answerer, silent.answerer)

    assert told(service, 7) == ("live", True)
    assert service.settle()

    ((shown, _),), ((beside, _),) = live.ledger.kept, silent.ledger.kept
    assert (shown.details["shown"], beside.details["shown"]) == (True, False)


def test_a_canary_is_shown_to_a_stable_share_and_the_live_version_to_everybody_else():
    live, canary = a_served_model(), a_served_model(stage=Stage.CANARY)
    canary.answerer.version_id = "sepsis@fedcba987654"
    service = service_for(live.answerer, canary.answerer, sepsis=Canary(share=0.3))

    stages = [told(service, subject)[0] for subject in range(60)]

    assert 5 <= stages.count("canary") <= 35
    assert stages == [told(service, subject)[0] for subject in range(60)]
    assert told(service, None) == ("live", True)


def test_a_first_version_in_canary_is_withheld_from_whoever_is_not_in_its_share():
    service = service_for(a_served_model(stage=Stage.CANARY).answerer, sepsis=Canary(share=0.0))

    assert told(service, 7) == ("canary", False)


def test_a_ward_in_canary_sees_it_whatever_the_share():
    terms = Canary(share=0.0, wards=("icu",))

    assert terms.sees(key=b"k", model="sepsis", subject=1, ward="icu")
    assert not terms.sees(key=b"k", model="sepsis", subject=1, ward="ward 3")
    assert not replace(terms, share=1.0).sees(key=b"k", model="sepsis", subject=None, ward=None)
