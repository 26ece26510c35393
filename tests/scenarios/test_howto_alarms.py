"""The page about alarms is run, line by line, on a workspace in which one was raised."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from alarming import VERSION, a_draft, an_alarming_platform
from bedside.core.records.version import Stage
from bedside.lifecycle.alarms import raise_alarms
from house import ROOT
from loopback import free_port
from warm_start import warm_bedside

PAGES = ROOT / "docs" / "howto"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def printed_by(page, folder, **variables):
    """What the commands of a page print, run in a folder, in their order."""
    blocks = "".join(BLOCK.findall((PAGES / page).read_text())).splitlines()
    script = "\n".join(line.removeprefix("$ ") for line in blocks if line.startswith("$ "))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            **{name: str(value) for name, value in variables.items()},
            "BEDSIDE_WORKSPACE": str(folder / "w"),
            "PATH": f"{warm_bedside()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_page_about_alarms_does_what_it_says(tmp_path):
    platform = an_alarming_platform(tmp_path / "w")
    shown = replace(VERSION, stage=Stage.LIVE)
    raise_alarms(platform, shown, [a_draft(severity="high", score_share=0.71)])

    hook, mail = free_port(), free_port()
    told = TOML.findall((PAGES / "alarms.md").read_text())[0]
    told = told.replace(":8099/", f":{hook}/").replace("port = 8025", f"port = {mail}")
    (tmp_path / "w" / "alarms.toml").write_text(told)

    printed = printed_by("alarms.md", tmp_path, PORT=hook, MAIL=mail, PAGES=PAGES)

    first, _, rest = printed.partition("Sent: 0. Waiting: 2. Given up: 0.")
    assert "ALM-1  high" in first
    assert "71% of the shift of the risks" in first
    assert rest.count("it cannot be reached") == 1
    assert rest.count("it did not take the message") == 1
    assert rest.count("Sent: 2. Waiting: 0. Given up: 0.") == 2
    assert '"state": "well"' in rest
    heard = (tmp_path / "heard.txt").read_text().splitlines()
    assert [line.split()[0] for line in heard] == ["alarm.raised", "alarm.resolved"]
    mailed = (tmp_path / "mailed.txt").read_text()
    assert mailed.count("Message-ID: <msg_") == 2
    assert "interface" not in "".join(heard) + mailed, "what people wrote is told to no sink"
    assert "I call the laboratory." in rest
    assert "incident INC-" in rest
    assert printed.endswith("No alarm is open.\n")
