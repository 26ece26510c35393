"""Whatever call the disk fails at, nothing acknowledged is lost and nothing half is ever seen."""

from pathlib import Path

import pytest

from faults.failing_disk import HOW, every_failure_of

SCENARIOS = ["file", "object", "ledger", "registry", "snapshot", "rotation"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_disk_that_fails_at_any_call_loses_nothing_and_the_work_can_be_done_again(
    scenario: str, how: str, tmp_path: Path
) -> None:
    found = every_failure_of(scenario, how, tmp_path)

    assert found["faults"] == []
    assert int(str(found["calls"])) >= 4
    if how != "killed":
        assert int(str(found["told"])) >= 2  # failures were real, and told in Bedside's words
