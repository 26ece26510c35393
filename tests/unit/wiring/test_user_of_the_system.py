"""Who acts on the command line is whom the system says, not what the environment says."""

import os
import pwd

from bedside.wiring.workspace import actor_of


def test_what_the_environment_says_is_not_believed(monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setattr(os, "getuid", lambda: pwd.getpwnam("nobody").pw_uid)

    assert actor_of(None, "audit").name == "user:nobody"


def test_root_may_say_who_it_is(monkeypatch):
    monkeypatch.setenv("LOGNAME", "eve")
    monkeypatch.setattr(os, "getuid", lambda: 0)

    assert actor_of(None, "audit").name == "user:eve"


def test_a_process_of_nobody_that_is_known_has_its_number(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)

    assert actor_of(None, "audit").name == "user:uid-4000000001"
