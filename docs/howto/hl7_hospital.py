"""A small hospital that speaks HL7 v2: it sends messages by MLLP, and receives results.

The patient's measurements are those of a real biopsy that ships in scikit-learn.

    python hl7_hospital.py source FOLDER | receive FILE | admit | measure | repeat
    python hl7_hospital.py results FILE | control FILE

LISTENER is the port where Bedside listens, RECEIVER the one where the hospital receives.
"""

import os
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

LISTENER = int(os.environ.get("LISTENER", "2575"))
RECEIVER = int(os.environ.get("RECEIVER", "2576"))
SENT = Path("sent.hl7")
PATIENT = "PID|1||4711^^^HOSPITAL^MR||Example^Jane||19610304|F"
SOURCE = """\
bedside: 1
name: ward_feed
title: Messages of the pathology laboratory
format: hl7v2
licence: none
release_mode: identified
known_at:
  patient: {{after: 1 d, counted_from: first, recorded: true}}
  encounter: {{after: 1 d, recorded: true}}
  observation: {{after: 1 d, recorded: true}}
  report: {{after: 1 d, recorded: true}}
listener: {{port: {port}}}
codes:
{codes}
"""


def measured() -> dict[str, float]:
    """The thirty measurements of a fine needle aspirate, by the laboratory's own codes."""
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415  (slow to import)

    data = load_breast_cancer()
    found = {}
    for name, value in zip(data.feature_names, data.data[0], strict=True):
        what = name.removesuffix(" error")
        found[("error " + what if what != name else name).replace(" ", "_")] = float(value)
    return found


def stamp(minutes_ago: float) -> str:
    """A time as HL7 writes it."""
    return (datetime.now(UTC) - timedelta(minutes=minutes_ago)).strftime("%Y%m%d%H%M%S+0000")


def message(kind: str, control: str, *segments: str) -> bytes:
    """A message about the patient."""
    head = f"MSH|^~\\&|LAB|HOSPITAL|BEDSIDE||{stamp(0)}||{kind}|{control}|P|2.5.1"
    return "".join(f"{one}\r" for one in (head, PATIENT, *segments)).encode()


def admission(control: str = "1") -> bytes:
    """The patient comes."""
    visit = f"PV1|1|I|WARD7||||||||||||||||V1|||||||||||||||||||||||||{stamp(600)}"
    return message("ADT^A01^ADT_A01", control, visit)


def results(control: str, values: dict[str, float]) -> bytes:
    """The laboratory has measured."""
    observed = [
        f"OBX|{at}|NM|{code}^^99LAB||{value:g}|1|||||F|||{stamp(120)}"
        for at, (code, value) in enumerate(values.items(), start=1)
    ]
    return message("ORU^R01^ORU_R01", control, "OBR|1||F1|FNA^^99LAB", *observed)


def send(content: bytes) -> str:
    """Send a message to Bedside; the code of its acknowledgement."""
    until = time.monotonic() + 120
    while True:
        try:
            with socket.create_connection(("127.0.0.1", LISTENER), timeout=30) as line:
                line.sendall(b"\x0b" + content + b"\x1c\r")
                return received(line).split(b"\rMSA|")[1].split(b"\r")[0].decode()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def received(line: socket.socket) -> bytes:
    """The next message on a line."""
    found = b""
    while not found.endswith(b"\x1c\r"):
        more = line.recv(65_536)
        if not more:
            raise ConnectionError
        found += more
    return found[1:-2]


def receive(path: Path) -> None:
    """Receive results for ever: keep each, then acknowledge it."""
    with socket.create_server(("127.0.0.1", RECEIVER)) as server:
        while True:
            line, _ = server.accept()
            with line:
                try:
                    while True:
                        content = received(line)
                        with path.open("ab") as file:
                            file.write(content + b"\n")
                        control = content.split(b"|")[9].decode()
                        head = f"MSH|^~\\&|EHR|HOSPITAL|BEDSIDE||{stamp(0)}||ACK|{control}|P|2.5.1"
                        line.sendall(f"\x0b{head}\rMSA|AA|{control}\r\x1c\r".encode())
                except ConnectionError:
                    continue


def show(path: Path) -> None:
    """What was received, once there is something; long lines are cut short."""
    until = time.monotonic() + 120
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.2)
    for one in path.read_text().splitlines():
        print(one if len(one) <= 118 else f"{one[:117]}…")


def main(verb: str, *rest: str) -> None:
    """Do what is asked."""
    if verb == "source":
        folder = Path(rest[0])
        folder.mkdir()
        codes = "\n".join(f"  LOCAL//{code}: WDBC//{code}" for code in measured())
        (folder / "source.yaml").write_text(SOURCE.format(port=LISTENER, codes=codes))
    elif verb == "receive":
        receive(Path(rest[0]))
    elif verb == "admit":
        print(send(admission()))
    elif verb == "measure":
        SENT.write_bytes(results("2", measured()))
        print(send(SENT.read_bytes()))
    elif verb == "repeat":
        print(send(SENT.read_bytes()))
    elif verb == "results":
        show(Path(rest[0]))
    elif verb == "control":
        print(Path(rest[0]).read_text().split("|")[9])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
