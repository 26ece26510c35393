"""Which use cases are built for docs/results.md, and what others reported on the same data."""

from dataclasses import dataclass

__all__ = ["CHALLENGE_2012", "TASKS", "Figure", "Published", "Task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A figure as others reported it: on which patients, and where."""

    text: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of our figures: a metric, out of fold over all patients or on those held out."""

    metric: str
    crossed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One row of the table.

    `elsewhere` is a file of other patients on whom the built version is judged as well. `peer`
    names a data set of scikit-survival on which its forest is fitted in the same run.
    """

    title: str
    use_case: str
    folder: str
    figures: tuple[Figure, ...]
    published: tuple[Published, ...]
    elsewhere: str = ""
    peer: str = ""
    note: str = ""


CHALLENGE_2012 = "Silva et al., Comput Cardiol 2012;39:245-248"
CHALLENGE_2019 = "Reyna et al., Crit Care Med 2020;48(2):210-217"
KATZMAN = "Katzman et al., BMC Med Res Methodol 2018;18:24"
C_INDEX = (Figure(metric="harrell_c"), Figure(metric="integrated_brier"))

TASKS: tuple[Task, ...] = (
    Task(
        title="Sepsis, hour by hour",
        use_case="early_warning",
        folder="physionet-2019-sepsis",
        figures=(Figure(metric="normalised_utility"), Figure(metric="auroc")),
        published=(
            Published(
                text="normalised utility about 0.43 (winner, hidden patients of sites A and B)",
                source=CHALLENGE_2019,
            ),
        ),
        note="Ours learns from 14,050 patients of site B, the winner from 40,336 of both. Ours "
        "sees a laboratory value an hour after it was taken; entries to the Challenge saw it "
        "at once.",
    ),
    Task(
        title="Death in hospital, 48 hours into intensive care",
        use_case="icu_mortality",
        folder="physionet-2012-icu",
        figures=(Figure(metric="min_sensitivity_ppv"), Figure(metric="auroc")),
        published=(
            Published(
                text="score 1 0.5353 (winner, hidden set C); AUROC about 0.86",
                source=CHALLENGE_2012,
            ),
        ),
        note="Score 1 is the smaller of sensitivity and positive predictive value.",
    ),
    Task(
        title="Recurrence or death after breast cancer",
        use_case="breast_cancer_survival",
        folder="survival-deepsurv",
        figures=C_INDEX,
        published=(
            Published(
                text="C on the German cohort: Cox 0.658, DeepSurv 0.668, forest 0.651",
                source=KATZMAN,
            ),
        ),
        note="Ours is internal to Rotterdam; the German cohort is not here. Run `bedside evaluate "
        "breast_cancer_survival --data FILE` where it is.",
    ),
    Task(
        title="Death after grave illness (SUPPORT)",
        use_case="support_survival",
        folder="survival-deepsurv",
        figures=C_INDEX,
        elsewhere="survival-deepsurv/support_test.csv.gz",
        published=(
            Published(
                text="C on the paper's test half: Cox 0.583, DeepSurv 0.618, forest 0.613",
                source=KATZMAN,
            ),
        ),
    ),
    Task(
        title="Readmission within 30 days, diabetes",
        use_case="readmission",
        folder="diabetes-130-hospitals",
        figures=(Figure(metric="auroc", crossed=False), Figure(metric="auprc", crossed=False)),
        published=(
            Published(
                text="AUROC 0.65 to 0.70 (gradient boosting in the literature)",
                source="several; the data are of Strack et al., Biomed Res Int 2014:781670",
            ),
        ),
        note="By patient: published splits by stay let one patient stand on both sides.",
    ),
    Task(
        title="Coronary disease: learnt in Cleveland, judged in Budapest",
        use_case="heart_disease",
        folder="uci-heart-disease",
        figures=(Figure(metric="auroc", crossed=False), Figure(metric="brier", crossed=False)),
        published=(),
    ),
    Task(
        title="Coronary disease: learnt in Budapest, judged in Cleveland",
        use_case="heart_disease_from_budapest",
        folder="uci-heart-disease",
        figures=(Figure(metric="auroc", crossed=False), Figure(metric="brier", crossed=False)),
        published=(),
    ),
    Task(
        title="Death after a heart attack (WHAS500)",
        use_case="heart_attack_survival",
        folder="survival-sksurv",
        figures=C_INDEX,
        peer="whas500",
        published=(),
        note="The peers also see the length of stay, which nobody knows at admission; ours does "
        "not.",
    ),
    Task(
        title="Death and free light chains (Olmsted County)",
        use_case="light_chain_mortality",
        folder="survival-sksurv",
        figures=C_INDEX,
        peer="flchain",
        published=(),
    ),
    Task(
        title="Death from lung cancer (Veterans' Administration)",
        use_case="lung_cancer_survival",
        folder="survival-sksurv",
        figures=C_INDEX,
        peer="veteran",
        published=(
            Published(
                text="C 0.736 of a Cox model on the patients it was fitted on",
                source="user guide of scikit-survival, introduction",
            ),
        ),
    ),
)
