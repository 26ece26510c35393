import sys

import pytest

from bedside.core.errors import Invalid, Refused, Unavailable
from bedside.infra.engines.ray import RayEngine


@pytest.mark.parametrize(
    "address",
    [
        "192.168.1.7:6379",
        "10.0.0.1:6379",
        "0.0.0.0:6379",
        "cluster.hospital.example:6379",
        "127.0.0.1.evil.example:6379",
        "localhost.evil.example:6379",
        "[2001:db8::1]:6379",
    ],
)
def test_a_cluster_beyond_this_machine_is_refused_unless_somebody_allows_it(address: str) -> None:
    with pytest.raises(Refused) as caught:
        RayEngine(address)

    assert caught.value.code == "remote_cluster"
    RayEngine(address, allow_remote=True)


@pytest.mark.parametrize("address", ["127.0.0.1:6379", "127.8.9.1:1", "localhost:65535", "[::1]:9"])
def test_a_cluster_on_this_machine_needs_no_leave(address: str) -> None:
    RayEngine(address)


@pytest.mark.parametrize(
    "address",
    ["", "auto", "local", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "ray://127.0.0.1:10001",
     "127.0.0.1:6379@evil.example:1", "127.0.0.1:6379/evil", "127.0.0.1:6379\n"],
)  # fmt: skip
def test_what_is_no_host_and_port_is_no_address_even_where_remote_is_allowed(address: str) -> None:
    with pytest.raises(Invalid):
        RayEngine(address, allow_remote=True)


def test_where_ray_is_missing_the_extra_to_install_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(Unavailable, match=r"pip install 'bedside\[scale\]'") as caught:
        RayEngine("127.0.0.1:6379")

    assert caught.value.code == "missing_extra"
