"""Which addresses are called, and what is told of a version."""

import pytest

from bedside.core.errors import Refused, Unavailable
from bedside.core.records.tracked_run import TrackedRun
from bedside.registry.adapters.mlflow_tracking import MlflowTracker

RUN = TrackedRun(
    experiment="ward", name="ward@1", started=0, parameters={}, metrics={}, tags={}, files={}
)


@pytest.mark.parametrize(
    ("address", "because"),
    [
        ("sqlite:///runs.sqlite", "not the address of a server"),
        ("file:///srv/mlruns", "not the address of a server"),
        ("/srv/mlruns", "not the address of a server"),
        ("databricks", "not the address of a server"),
        ("http://mlflow.example.org", "plain http to another machine"),
        ("https://me:secret@mlflow.example.org", "holds a user name"),
    ],
)
def test_an_address_that_is_no_server_or_not_safe_is_refused_without_a_call(address, because):
    with pytest.raises(Refused, match=because) as refused:
        MlflowTracker(address).log(RUN)

    assert refused.value.code == "tracker_address"
    assert "secret" not in str(refused.value)


def test_plain_http_beyond_this_machine_is_called_only_where_that_is_allowed():
    with pytest.raises(Unavailable, match="out of reach"):
        MlflowTracker("http://mlflow.invalid:9", plain=True).log(RUN)
