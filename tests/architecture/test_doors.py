"""Every command says what it does, in the words of the policies; what says nothing is refused."""

import pytest
from typer import Typer
from typer.testing import CliRunner

from bedside.cli.doors import ACTS, act_of, act_of_this, guard_commands
from bedside.cli.main import app
from bedside.core.errors import Refused


def named(of: Typer, path: str = "") -> list[str]:
    """Every command, hidden ones too."""
    found = [
        f"{path} {one.name or one.callback.__name__.replace('_', '-')}".strip()
        for one in of.registered_commands
    ]
    for group in of.registered_groups:
        found += named(group.typer_instance, f"{path} {group.name}".strip())
    return found


COMMANDS = named(app)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_act(command):
    assert act_of(command)


def test_the_table_names_no_command_that_is_gone():
    groups = {group.name for group in app.registered_groups}

    assert sorted(set(ACTS) - set(COMMANDS) - groups) == []


def test_a_command_that_nobody_named_is_refused():
    other = Typer()

    @other.command("first")
    def first() -> None: ...

    @other.command("undeclared")
    def undeclared() -> None:
        act_of_this()

    guard_commands(other)

    assert isinstance(CliRunner().invoke(other, ["undeclared"]).exception, Refused)
