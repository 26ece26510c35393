"""Which tests run on the same worker: those of a module that names a group, for its fixtures' sake.

pytest-xdist's own groups have had no effect since pytest 9.2, which takes no new name for a test.
"""

import re
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

GROUP = re.compile(r'pytest\.mark\.xdist_group\("(\w+)"\)')
TESTS = Path(__file__).parent


class Grouped(LoadScopeScheduling):
    """Each group is one piece of work; every other test is one by itself."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)
        found = {path: GROUP.search(path.read_text()) for path in TESTS.rglob("test_*.py")}
        self._groups = {
            path.relative_to(TESTS.parent).as_posix(): group[1]
            for path, group in found.items()
            if group is not None
        }

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid.partition("::")[0], nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Grouped:
    return Grouped(config, log)
