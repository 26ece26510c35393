"""What survival, levels and values are judged by, in words."""

from bedside.metrics.words.metric import Metric

__all__ = ["OUTCOMES"]

OUTCOMES: dict[str, Metric] = {
    "harrell_c": Metric(
        title="Harrell's C",
        style="number",
        better="high",
        meaning="the chance that, of two patients of whom it is known who had the event first, "
        "the one with the higher risk had it first; 0.5 is a coin, 1 is perfect",
    ),
    "uno_c": Metric(
        title="Uno's C",
        style="number",
        better="high",
        meaning="the same chance up to the last horizon, with patients weighted so that it does "
        "not depend on how long they could be followed",
    ),
    "integrated_brier": Metric(
        title="Integrated Brier score",
        style="number",
        better="low",
        meaning="the Brier score averaged over all days up to the last horizon; 0 is perfect",
    ),
    "multiclass_log_loss": Metric(
        title="Log loss over all levels",
        style="number",
        better="low",
        meaning="the mean surprise at the level that came true; 0 is perfect",
    ),
    "multiclass_brier": Metric(
        title="Brier score over all levels",
        style="number",
        better="low",
        meaning="the summed squared distance between the predicted chances and the level that "
        "came true; 0 is perfect, 2 the worst",
    ),
    "macro_auroc": Metric(
        title="Mean AUROC over levels",
        style="number",
        better="high",
        meaning="the mean over levels of the chance that a random case of the level is given a "
        "higher chance of it than a random case of any other",
    ),
    "hand_till_auroc": Metric(
        title="Hand and Till's M",
        style="number",
        better="high",
        meaning="the mean over pairs of levels of the chance that two random cases, one of each, "
        "are told apart; it does not depend on how common the levels are",
    ),
    "accuracy": Metric(
        title="Accuracy",
        style="share",
        better="high",
        meaning="the share of cases whose most likely level is the one that came true",
    ),
    "quadratic_kappa": Metric(
        title="Quadratically weighted kappa",
        style="number",
        better="high",
        meaning="the agreement of the most likely level with the one that came true beyond "
        "chance, a miss by two levels counting four times; 1 is perfect, 0 is chance",
    ),
    "ordinal_c": Metric(
        title="Ordinal C",
        style="number",
        better="high",
        meaning="the chance that, of two random cases of different levels, the one of the higher "
        "level has the higher expected level; 0.5 is a coin, 1 is perfect",
    ),
    "ranked_probability_score": Metric(
        title="Ranked probability score",
        style="number",
        better="low",
        meaning="the summed squared distance between the predicted and true chance of at most "
        "each level, over the number of steps; 0 is perfect",
    ),
    "mae": Metric(
        title="Mean absolute error",
        style="number",
        better="low",
        meaning="how far the predicted value is off on average, in the unit of the value",
    ),
    "rmse": Metric(
        title="Root mean squared error",
        style="number",
        better="low",
        meaning="how far the predicted value is off, large misses counting more, in the unit of "
        "the value",
    ),
    "r2": Metric(
        title="R squared",
        style="share",
        better="high",
        meaning="the share of the spread of the values that the predictions account for; below 0 "
        "the mean would be better",
    ),
    "mean_error": Metric(
        title="Mean error",
        style="number",
        nearest=0.0,
        meaning="how much too high the predicted value is on average, in the unit of the value; "
        "below 0 it is too low",
    ),
    "regression_slope": Metric(
        title="Slope of value on prediction",
        style="number",
        nearest=1.0,
        meaning="1 when the predicted values are spread as they should be; below 1 they are too "
        "extreme",
    ),
    "regression_intercept": Metric(
        title="Intercept of value on prediction",
        style="number",
        nearest=0.0,
        meaning="the value of a case whose predicted value is 0, by a line through the values; 0 "
        "is right where the slope is 1",
    ),
}
