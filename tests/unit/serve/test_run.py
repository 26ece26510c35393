"""The real server process on a free loopback port."""

import http.client
import json
import socket
import threading
import time
from pathlib import Path

import pytest

from bedside.core.errors import Refused
from bedside.serve.app import create_app
from bedside.serve.run import Exposure, serve, server_of
from served import TOKEN, a_served_model, an_inference, app_for, service_for


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "ward.example", ""])  # noqa: S104
def test_no_address_beyond_loopback_is_served(host):
    with pytest.raises(Refused) as refusal:
        serve(None, host, 0)

    assert refusal.value.code == "not_loopback"


@pytest.mark.parametrize(
    "half", [Exposure(certificate=Path("tls.crt")), Exposure(key=Path("tls.key"))]
)
def test_half_of_a_certificate_and_its_key_protects_nothing(half):
    with pytest.raises(Refused) as refusal:
        serve(app_for(a_served_model().answerer), "0.0.0.0", 0, exposure=half)  # noqa: S104

    assert refusal.value.code == "not_loopback"


def test_behind_a_proxy_every_address_is_served_but_never_without_authentication():
    behind = Exposure(behind_proxy=True)
    known = app_for(a_served_model().answerer)
    nobody = create_app(service_for(a_served_model().answerer), authenticators=[])

    server = server_of(known, "0.0.0.0", 8080, exposure=behind)  # noqa: S104

    assert server.config.host == "0.0.0.0"  # noqa: S104
    for app in (None, nobody):
        with pytest.raises(Refused) as refusal:
            server_of(app, "0.0.0.0", 8080, exposure=behind)  # noqa: S104
        assert refusal.value.code == "no_authentication"


def test_a_real_server_answers_over_loopback_and_stops_when_told():
    app = app_for(a_served_model().answerer)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = server_of(app, "127.0.0.1", port)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request(
                "POST", "/v2/models/sepsis/infer", json.dumps(an_inference()), headers
            )
            response = connection.getresponse()
            body = json.loads(response.read())
            connection.close()
        finally:
            server.should_exit = True
            thread.join(timeout=15)

    assert response.status == 200
    assert response.headers["server"] is None
    assert body["outputs"][0]["data"] == ["score"]
    assert not thread.is_alive()
