"""The help of `bedside` has every command in one chapter, with a whole sentence."""

from typer.main import get_command
from typer.testing import CliRunner

from bedside.cli.chapters import CHAPTERS
from bedside.cli.main import app


def test_every_command_stands_in_one_chapter():
    commands = get_command(app).commands
    told = [name for names in CHAPTERS.values() for name in names]

    assert sorted(told) == sorted(name for name, one in commands.items() if not one.hidden)


def test_the_help_lists_the_chapters_and_cuts_no_sentence():
    said = CliRunner().invoke(app, ["--help"]).stdout

    assert all(f"{title}:" in said for title in CHAPTERS)
    assert "..." not in said.partition("See it whole")[2]
    assert "More:" not in said
