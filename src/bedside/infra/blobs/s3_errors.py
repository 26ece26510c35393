"""What S3 and its client say, in Bedside's words: no key, host, bucket or name is repeated."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.infra.blobs.names import no_such_blob

__all__ = ["bucket_missing", "translated"]

_NO_BLOB = frozenset({"NoSuchKey", "404"})
_NOT_LET_IN = frozenset({401, 403})
_STALE = frozenset({"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "RequestExpired"})
_TOO_LARGE = frozenset({"EntityTooLarge", "MaxMessageLengthExceeded"})


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the client of S3 raises inside as one of our errors.

    Raises:
        NotFound: the blob is not there, or the bucket (code `objects_no_bucket`).
        Refused: these credentials may not do this (`objects_forbidden`), or what came is not what
            was put (`blob_damaged`).
        Invalid: the options of the client make no sense (`objects_options`).
        Unavailable: anything else (`objects_unavailable`).
    """
    from botocore import exceptions as foreign  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    except foreign.ClientError as error:
        raise _of_answer(error.response) from None
    except foreign.FlexibleChecksumError:
        raise _damaged() from None
    except (
        foreign.NoCredentialsError,
        foreign.PartialCredentialsError,
        foreign.CredentialRetrievalError,
        foreign.TokenRetrievalError,
        foreign.ProfileNotFound,
    ):
        raise _forbidden() from None
    except (
        foreign.HTTPClientError,
        foreign.ConnectionError,
        foreign.IncompleteReadError,
        HTTPError,
        OSError,
    ):
        raise _unavailable("did not answer in time or cannot be reached") from None
    except AttributeError:  # what botocore makes of an error that comes with a checksum
        raise _unavailable("gave an answer that makes no sense") from None
    except (foreign.BotoCoreError, ValueError, TypeError):
        raise Invalid(
            "The bucket, its region or its address makes no sense.",
            fix="check the bucket's name, the region and the address of the object store.",
            code="objects_options",
        ) from None


def bucket_missing() -> NotFound:
    """The error of a bucket that does not exist."""
    return NotFound(
        "The bucket does not exist.",
        fix="create it, or give the name of one that exists.",
        code="objects_no_bucket",
    )


def _damaged() -> Refused:
    return Refused(
        "What came from the bucket is not what was put there.",
        fix="restore it from a backup, or run the build again.",
        code="blob_damaged",
    )


def _of_answer(answer: dict[str, Any]) -> BedsideError:
    code = str(answer.get("Error", {}).get("Code", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code == "NoSuchBucket":
        return bucket_missing()
    if code in _NO_BLOB:
        return no_such_blob()
    if status in _NOT_LET_IN or code in _STALE:
        return _forbidden()
    if code in _TOO_LARGE:
        return Invalid(
            "The object store takes no blob of this size.",
            fix="work in smaller pieces: fewer rows in a shard.",
            code="objects_too_large",
        )
    if isinstance(status, int):
        return _unavailable(f"answered with an error (HTTP {status})")
    return _unavailable("gave an answer that makes no sense")


def _forbidden() -> Refused:
    return Refused(
        "The object store does not let these credentials do this.",
        fix="check the credentials, their expiry, this machine's clock and the bucket's policy; "
        "Bedside reads, writes, lists and deletes.",
        code="objects_forbidden",
    )


def _unavailable(what: str) -> Unavailable:
    return Unavailable(
        f"The object store {what}; what was kept before is still there.",
        fix="check that it runs and can be reached from here, and run the same command again.",
        code="objects_unavailable",
    )
