"""One hub and its sites, of which the first hospital's patients built the model."""

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import bedside.usecases
from bedside.lifecycle.site_trust import mark_of, trust
from bedside.wiring.elsewhere import collect_elsewhere
from bedside.wiring.progress import LineProgress
from bedside.wiring.sites import own_public_key, public_key_in
from bedside.wiring.workspace import actor_of, open_workspace
from certificates import Authority
from data_folder import data_folder

__all__ = ["a_heart_model", "hospital", "opened", "over_tls", "trusting"]

GATES = """gates:
  - {metric: auroc, bound: low, at_least: 0.75}
  - {metric: expected_observed_ratio, bound: high, at_most: 1.3}

channels:"""
SPLIT = "split: {train: 0.5, tuning: 0.15, held_out: 0.35}"
FILES = {"cleveland": "processed.cleveland.csv", "budapest": "processed.hungarian.csv"}


def opened(folder: Path):
    """The platform of a workspace."""
    return open_workspace(folder, actor=actor_of("test", "test"), progress=LineProgress())


def a_heart_model(folder: Path) -> Path:
    """Heart disease, learnt and judged in one hospital, with gates that another may fail."""
    shipped = Path(bedside.usecases.__file__).parent / "heart_disease" / "bedside.yaml"
    told = shipped.read_text().replace("channels:", GATES)
    lines = [SPLIT if "held_out_sites" in one else one.strip("\n") for one in told.splitlines()]
    lines = [f"  {one}" if one == SPLIT else one for one in lines]
    text = "\n".join(lines).replace("evaluation:\n", "evaluation:\n  bootstrap: 100\n")
    folder.mkdir(parents=True)
    (folder / "bedside.yaml").write_text(text + "\n")
    return folder


def hospital(folder: Path, name: str, change=lambda text: text) -> Path:
    """A folder with the patients of one hospital, as they are or with something planted."""
    file = data_folder("uci-heart-disease") / FILES[name]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file.name).write_text(change(file.read_text()))
    return folder


def trusting(platform, name: str, other, folder: Path, **more):
    """Trust the other workspace's key, as a person does who compared its fingerprint."""
    content, mark = own_public_key(other)
    file = folder / f"{name}.pem"
    file.write_bytes(content)
    key = public_key_in(file)
    assert mark == mark_of(key)
    return trust(platform, name, key, confirmed=mark, **more)


def collected(platform, version: str, data: Path) -> Path:
    """The data, once they are collected for the version."""
    collect_elsewhere(platform, version, data, None)
    return data


@contextmanager
def over_tls(folder: Path, certificates: Path) -> Iterator[tuple[str, Path]]:
    """A folder on a real TLS server of this machine: its address, and the authority to trust."""
    authority = Authority(certificates)
    certificate, key = authority.issue("hub")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}", authority.path
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
