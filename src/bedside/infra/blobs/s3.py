"""Blobs in a bucket: S3, or any server that speaks its API."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from bedside.core.errors import Invalid, NotFound, Refused, Unavailable
from bedside.infra.blobs.names import checked_name, checked_prefix, is_name
from bedside.infra.blobs.s3_errors import bucket_missing, translated

__all__ = ["S3Blobs"]

_PREFIX = re.compile(r"(?:[A-Za-z0-9_.-]{1,200}/){0,8}")
_CONNECT, _READ = 5, 60  # seconds
_ATTEMPTS = 3
_CONNECTIONS = 32


class S3Blobs:
    """The Blobs port on a bucket; one object each, and one client for all threads.

    A put sends the SHA-256 of the bytes, which the server checks or at least keeps, and a get asks
    for it again. A server of your own is asked by path, and also sent the older Content-MD5, which
    servers check that know no other checksum.

    Args:
        bucket: An existing bucket.
        prefix: Put before every name, such as `ward-7/`; empty for none.
        client_options: What boto3's client is given: `endpoint_url`, `region_name`,
            `aws_access_key_id`, `aws_secret_access_key`, `verify` and others. What is absent is
            looked up by boto3, as for any AWS tool. A `config` is merged over ours, which waits 5 s
            for a connection and 60 s for an answer, and asks 3 times.

    Raises:
        Invalid: the prefix or an option makes no sense.
        Unavailable: boto3 is not installed.
    """

    def __init__(self, bucket: str, prefix: str, client_options: Mapping[str, Any]) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        if _PREFIX.fullmatch(self._prefix) is None or ".." in self._prefix:
            raise Invalid(
                "The prefix in the bucket makes no sense.",
                fix="give segments of letters, digits, '_', '-' and '.', joined by '/'.",
                code="objects_options",
            )
        self._elsewhere = "endpoint_url" in client_options
        self._client = _client(client_options)
        self._seen = False

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Keep the bytes, whole or not at all, durable when this returns; replaces older ones.

        Raises:
            Invalid: the name is not one of ours, or the store takes no blob of this size.
            NotFound: the bucket does not exist.
            Refused: the credentials may not write (code `objects_forbidden`).
            Unavailable: the store is out of reach or full; what stood there stands.
        """
        body = content if isinstance(content, bytes | bytearray) else bytes(content)
        checks = {"ChecksumSHA256": b64encode(hashlib.sha256(body).digest()).decode()}
        if self._elsewhere:
            md5 = hashlib.md5(body, usedforsecurity=False).digest()
            checks["ContentMD5"] = b64encode(md5).decode()
        with translated():
            self._client.put_object(**self._at(name), Body=body, **checks)

    def get(self, name: str) -> bytes:
        """The bytes again.

        Raises:
            Invalid: the name is not one of ours.
            NotFound: nothing has this name, or the bucket does not exist.
            Refused: the credentials may not read (code `objects_forbidden`), or what came is not
                what was put (`blob_damaged`).
            Unavailable: the store is out of reach.
        """
        place = self._at(name)
        try:
            return self._read(place)
        except (Refused, Unavailable) as error:
            if error.code == "objects_forbidden":
                raise
            return self._read(place)  # boto3 repeats a request, but not a body that broke off

    def has(self, name: str) -> bool:
        """Whether something has this name.

        Raises:
            Invalid: the name is not one of ours.
            NotFound: the bucket does not exist.
            Refused: the credentials may not ask (code `objects_forbidden`).
            Unavailable: the store is out of reach.
        """
        try:
            with translated():
                self._client.head_object(**self._at(name))
        except NotFound:
            self._see_the_bucket()
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove it; removing what is not there is no error.

        Where the bucket keeps old versions, so it keeps this one: its key is what is destroyed.

        Raises:
            Invalid: the name is not one of ours.
            NotFound: the bucket does not exist.
            Refused: the credentials may not delete (code `objects_forbidden`).
            Unavailable: the store is out of reach.
        """
        with translated():
            self._client.delete_object(**self._at(name))

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins with `prefix`, in the order of S3, which is that of the bytes.

        Raises:
            Invalid: no name begins so.
            NotFound: the bucket does not exist.
            Refused: the credentials may not list (code `objects_forbidden`).
            Unavailable: the store is out of reach.
        """
        checked_prefix(prefix)
        return self._listed(prefix)

    def _read(self, place: dict[str, str]) -> bytes:
        with translated():
            answer = self._client.get_object(**place, ChecksumMode="ENABLED")
            with closing(answer["Body"]) as body:  # as a context itself it would not compare
                return bytes(body.read())  # its length and its checksum are compared here

    def _listed(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2")
        asked = pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix)
        rest, last = iter(asked), ""
        while True:
            with translated():  # not around the yield: an error of the reader is none of ours
                page = next(rest, None)
            if page is None:
                return
            for found in page.get("Contents", ()):
                name = found["Key"].removeprefix(self._prefix)
                if is_name(name) and name != last:  # some servers list twice what was replaced
                    yield name
                    last = name

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_name(name)}

    def _see_the_bucket(self) -> None:
        """Tell a missing blob from a missing bucket, of which the answer to a HEAD says nothing."""
        if self._seen:
            return
        try:
            with translated():
                self._client.head_bucket(Bucket=self._bucket)
        except NotFound:
            raise bucket_missing() from None
        self._seen = True


def _client(options: Mapping[str, Any]) -> Any:
    try:
        from boto3.session import Session  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
    except ImportError:
        raise Unavailable(
            "Objects in S3 need boto3, which is not installed.",
            fix="install it: pip install 'bedside[aws]'.",
            code="extra_missing",
        ) from None
    config = Config(
        connect_timeout=_CONNECT,
        read_timeout=_READ,
        max_pool_connections=_CONNECTIONS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path" if "endpoint_url" in options else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    given = dict(options)
    with translated():
        if "config" in given:
            config = config.merge(given.pop("config"))
        return Session().client("s3", config=config, **given)
