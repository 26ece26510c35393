"""When each subject is asked about, and what came true: a Question answered in columns."""

from bedside.cohorts.question.asking import Cohort, ask
from bedside.cohorts.question.reading import columns_of, where_of
from bedside.core.records.flow import FlowStep

__all__ = ["Cohort", "FlowStep", "ask", "columns_of", "where_of"]
