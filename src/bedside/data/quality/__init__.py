"""The quality of collected data after Kahn 2016: counted, judged by gates, told to a steward."""

from bedside.data.quality.assess import assess
from bedside.data.quality.figures import figures_of
from bedside.data.quality.gates import judge_quality
from bedside.data.quality.report import render_html

__all__ = ["assess", "figures_of", "judge_quality", "render_html"]
