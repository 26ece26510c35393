import hashlib
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.config import Config

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.infra.blobs.s3 import S3Blobs
from s3_server import RunningServer, a_running_s3_server

pytestmark = pytest.mark.xdist_group("blobs_s3_blobs")  # its fixtures are made once

HASTY = Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1})


def uses_of(blobs: S3Blobs) -> list[Callable[[], object]]:
    return [
        lambda: blobs.put("objects/rosalind", b"x"),
        lambda: blobs.get("objects/rosalind"),
        lambda: blobs.has("objects/rosalind"),
        lambda: blobs.remove("objects/rosalind"),
        lambda: list(blobs.names("objects/")),
    ]


def errors_of(blobs: S3Blobs) -> list[BedsideError]:
    errors = []
    for use in uses_of(blobs):
        with pytest.raises(BedsideError) as told:
            use()
        errors.append(told.value)
    return errors


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with a_running_s3_server() as running:
        yield running


@contextmanager
def a_listener(answer: bytes) -> Iterator[str]:
    """A server that gives every caller the same bytes and hangs up; with none it says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:
                    return
                held.append(caller)
                if answer:
                    caller.recv(65536)
                    caller.sendall(answer)
                    caller.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for caller in held:
                caller.close()


def at(address: str, **options: Any) -> S3Blobs:
    given = {
        "endpoint_url": address,
        "region_name": "us-east-1",
        "aws_access_key_id": "AKIAROSALIND",
        "aws_secret_access_key": "secret-of-rosalind",
        "config": HASTY,
    }
    return S3Blobs("ward", "", {**given, **options})


def test_wrong_credentials_are_refused_and_never_repeated(server: RunningServer) -> None:
    options = {**server.client_options(), "aws_secret_access_key": "not-the-secret"}

    errors = errors_of(S3Blobs(server.bucket(), "", options))

    for error in errors:
        assert isinstance(error, Refused)
        assert error.code == "objects_forbidden"
        for secret in (server.key, "not-the-secret", server.address, "rosalind", "ward"):
            assert secret not in str(error)


def test_a_bucket_that_does_not_exist_is_not_found_by_every_use(server: RunningServer) -> None:
    errors = errors_of(S3Blobs("no-such-bucket", "", server.client_options()))

    for error in errors:
        assert isinstance(error, NotFound)
        assert error.code == "objects_no_bucket"
        assert "create it" in error.fix
        assert "no-such-bucket" not in str(error)


def test_a_server_that_is_gone_is_unavailable_at_once() -> None:
    with a_running_s3_server() as running:
        options, bucket = running.client_options(), running.bucket()
        blobs = S3Blobs(bucket, "", {**options, "config": HASTY})
        blobs.put("objects/rosalind", b"x")
    began = time.monotonic()

    errors = errors_of(blobs)

    assert time.monotonic() - began < 30
    for error in errors:
        assert isinstance(error, Unavailable)
        assert error.code == "objects_unavailable"
        assert running.address not in str(error)
        assert "rosalind" not in str(error)


def test_a_server_that_says_nothing_is_not_waited_for_without_end() -> None:
    with a_listener(b"") as address:
        blobs = at(address)

        errors = errors_of(blobs)

    assert {error.code for error in errors} == {"objects_unavailable"}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"rosalind\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 500 No\r\nContent-Length: 8\r\n\r\nrosalind", id="500"),
        pytest.param(
            b"HTTP/1.1 500 No\r\nContent-Length: 8\r\nx-amz-checksum-sha256: AAAA\r\n\r\nrosalind",
            id="500 with a checksum",
        ),
        pytest.param(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", id="503"),
        pytest.param(b"HTTP/1.1 507 Full\r\nContent-Length: 0\r\n\r\n", id="full"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nrosalind", id="cut short"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nrosalind\r\n5\r\nx",
            id="chunk cut short",
        ),
    ],
)
def test_an_answer_that_makes_no_sense_is_unavailable_and_never_repeated(answer: bytes) -> None:
    with a_listener(answer) as address, pytest.raises(Unavailable) as told:
        at(address).get("objects/rosalind")

    assert told.value.code == "objects_unavailable"
    assert "rosalind" not in str(told.value)


def test_bytes_that_are_not_those_of_their_checksum_are_refused() -> None:
    checksum = base64_of(hashlib.sha256(b"potassium 3.1"))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nx-amz-checksum-sha256: {checksum}\r\n\r\n"

    with a_listener(head.encode() + b"potassium 3.1") as address:
        whole = at(address).get("objects/one")
    with a_listener(head.encode() + b"potassium 6.2") as address, pytest.raises(Refused) as refused:
        at(address).get("objects/one")

    assert whole == b"potassium 3.1"
    assert refused.value.code == "blob_damaged"


def test_the_server_is_given_what_it_needs_to_check_the_bytes(server: RunningServer) -> None:
    blobs = S3Blobs(server.bucket(), "", server.client_options())
    sent: list[dict[str, str]] = []

    def look(request: Any, **_: object) -> None:
        sent.append({name: as_text(value) for name, value in request.headers.items()})

    blobs._client.meta.events.register("before-send.s3.PutObject", look)
    blobs.put("objects/one", b"sealed")

    assert sent[0]["x-amz-checksum-sha256"] == base64_of(hashlib.sha256(b"sealed"))
    assert sent[0]["Content-MD5"] == base64_of(hashlib.md5(b"sealed", usedforsecurity=False))


def base64_of(digest: Any) -> str:
    return b64encode(digest.digest()).decode()


def as_text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def test_two_prefixes_of_one_bucket_do_not_see_each_other(server: RunningServer) -> None:
    bucket, options = server.bucket(), server.client_options()
    one, two = S3Blobs(bucket, "ward-1", options), S3Blobs(bucket, "ward-10/", options)
    one.put("head", b"1")
    two.put("head", b"2")

    one.remove("head")

    assert list(one.names("")) == []
    assert two.get("head") == b"2"
    assert (server.folder / bucket / "ward-10" / "head").is_file()


def test_objects_of_others_in_the_bucket_are_not_listed(server: RunningServer) -> None:
    bucket = server.bucket()
    blobs = S3Blobs(bucket, "", server.client_options())
    blobs.put("objects/one", b"1")
    server.put(bucket, "objects/Their Report.pdf", b"x")

    assert list(blobs.names("")) == ["objects/one"]


def test_a_name_that_the_server_lists_twice_is_told_once() -> None:
    keys = "".join(f"<Contents><Key>{name}</Key></Contents>" for name in ("one", "two", "two"))
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    with a_listener(head + body) as address:
        listed = list(at(address).names(""))

    assert listed == ["one", "two"]


def test_threads_share_one_store(server: RunningServer) -> None:
    blobs = S3Blobs(server.bucket(), "", server.client_options())
    failed: list[str] = []

    def turn(number: int) -> None:
        blobs.put(f"objects/{number}", str(number).encode())
        if blobs.get(f"objects/{number}") != str(number).encode():
            failed.append(str(number))

    threads = [threading.Thread(target=turn, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(list(blobs.names("objects/"))) == 24


@pytest.mark.parametrize(
    "prefix", ["../keys", "a//b", "a b", "a\n", "x" * 300, "/".join("abcdefghijk")]
)
def test_a_prefix_that_makes_no_sense_is_refused(prefix: str) -> None:
    with pytest.raises(Invalid) as refused:
        S3Blobs("ward", prefix, {"region_name": "us-east-1"})

    assert refused.value.code == "objects_options"


@pytest.mark.parametrize(
    "options",
    [{"endpoint_url": "not an address"}, {"region_name": "no region!"}, {"no_such_option": 1}],
)
def test_options_that_make_no_sense_are_refused_and_not_repeated(options: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        at("http://127.0.0.1:9", **options).put("objects/one", b"")

    assert refused.value.code == "objects_options"
    assert not any(str(value) in str(refused.value) for value in options.values())


def test_a_bucket_whose_name_makes_no_sense_is_refused(server: RunningServer) -> None:
    for error in errors_of(S3Blobs("Not a bucket!", "", server.client_options())):
        assert isinstance(error, Invalid)
        assert error.code == "objects_options"
