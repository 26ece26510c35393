"""A plan of changes by which no version could be judged is refused, with the place and the fix."""

import json
from copy import deepcopy

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.change_control import ChangePlan
from bedside.interop.declaration import declaration_from_json, declaration_to_json, read_declaration
from bedside.metrics.names import metric_names
from bedside.usecases import folder_of

SHIPPED = (folder_of("early_warning") / "bedside.yaml").read_text().partition("\nhazards:")[0]
REFIT = {
    "id": "refit",
    "description": "refit on newer stays of the same units",
    "rationale": "patients and practice change",
    "kind": "refit",
    "made": "manual",
    "reach": "local",
    "every_at_least": "30 d",
    "bounds": {"metrics": [{"metric": "auroc", "falls_at_most": 0.02, "at_least": 0.78}]},
    "protocol": {
        "data_management": "stays of the last year, collected as before",
        "retraining": "the same learner and features",
        "evaluation": {
            "gates": ["auroc"],
            "plan": "held-out subjects, bootstrap intervals",
            "failure": "the parent stays",
        },
        "update": {"silent_for": "7 d", "told": ["ward leads"], "rollback": ["failure_rate"]},
    },
    "benefits": "it follows the case mix",
    "risks": ["it learns a new error of documentation"],
}
IMPACT = {"verification": "the same gates", "interaction": "none", "cumulative": "it may drift"}


def read(plan):
    text = f"{SHIPPED}\nchange_control: {json.dumps(plan)}\n"
    return read_declaration(text.encode(), metrics=metric_names)


def changed(*path, to, **also):
    one = deepcopy(REFIT) | also
    place = one
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return {"modifications": [one], "impact": IMPACT}


def test_a_plan_reads_and_reads_back_from_the_bundle():
    declared = read({"modifications": [REFIT], "impact": IMPACT})

    assert isinstance(declared.change_control, ChangePlan)
    assert declaration_from_json(declaration_to_json(declared)) == declared


def test_a_list_of_sentences_still_reads_and_reads_back():
    declared = read(["refit on newer stays"])

    assert declared.change_control == ("refit on newer stays",)
    assert declaration_from_json(declaration_to_json(declared)) == declared


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        ({"modifications": [], "impact": IMPACT}, "no change is planned"),
        ({"modifications": [REFIT]}, "impact"),
        ({"modifications": [REFIT, REFIT], "impact": IMPACT}, "another modification has this id"),
        (changed("rationale", to=" "), "nothing is said"),
        (changed("kind", to="refitting"), "kind"),
        (changed("every_at_least", to="soon"), "every_at_least"),
        (changed("bounds", to={}), "no range of performance"),
        (changed("bounds", "metrics", 0, "metric", to="aurok"), "write 'auroc'"),
        (changed("bounds", "metrics", 0, to={"metric": "auroc"}), "there is no bound"),
        (changed("bounds", "metrics", 0, "falls_at_most", to=-0.1), "no sign"),
        (changed("bounds", "metrics", 0, "subgroup", to="sax"), "write 'sex'"),
        (changed("bounds", "threshold", to=[0.4, 0.1]), "the range is empty"),
        (changed("bounds", "parameters", to={"num_leaves": [8, 16]}), "kind: learner"),
        (changed("bounds", "add_features", to=1), "kind: features"),
        (changed("kind", to="learner"), "no parameter may change"),
        (changed("kind", to="features"), "no feature may change"),
        (changed("kind", to="threshold"), "the threshold may move anywhere"),
        (changed("bounds", "subjects_at_least", to=0), "give 1 or more"),
        (changed("protocol", "evaluation", "gates", to=[]), "no gate must pass"),
        (changed("protocol", "evaluation", "gates", to=["aurox"]), "write 'auroc'"),
        (changed("protocol", "evaluation", "failure", to=""), "nothing is said"),
        (changed("protocol", "update", "told", to=[]), "nobody is told"),
        (changed("protocol", "update", "silent_for", to="-7 d"), "silent_for"),
        (changed("protocol", "update", "rollback", to=["failure"]), "write 'failure_rate'"),
        (changed("hazards", to=["nothing like it"]), "is not a hazard"),
        (changed("protocl", to={}), "unknown key 'protocl'"),
    ],
)
def test_a_plan_by_which_nothing_can_be_judged_is_refused_with_the_place(plan, says):
    with pytest.raises(Invalid) as refused:
        read(plan)

    assert says in str(refused.value)
    assert "change_control" in str(refused.value)
