"""The line to AWS KMS: what its keys, aliases and refusals mean here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bedside.core.clock import iso
from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.infra.keys.envelope import wrong_key

__all__ = ["Kms", "KmsKey", "out_of_reach"]

_DAYS = 7  # the shortest wait before AWS deletes a key for good
_FORBIDDEN = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DOES_NOT_OPEN = frozenset({"IncorrectKeyException", "InvalidCiphertextException"})
_TAKEN = "alias_taken"


@dataclass(frozen=True, slots=True)
class KmsKey:
    """A KMS key as KMS describes it."""

    arn: str
    state: Literal["usable", "disabled", "destroyed"]
    made_at: str | None


class Kms:
    """Asks KMS by `boto3`.

    An alias that points to the mark, one KMS key that encrypts nothing, is that of a destroyed key.

    Args:
        client_options: What `boto3.client("kms", …)` takes.
        mark: The alias of the mark; made when first needed.

    Raises:
        Invalid: the options do not make a client.
        Unavailable: `boto3` is not installed (code `not_installed`).
    """

    def __init__(self, client_options: Mapping[str, Any], mark: str) -> None:
        try:
            import boto3  # noqa: PLC0415
            from botocore.config import Config  # noqa: PLC0415
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        except ImportError:
            raise Unavailable(
                "Keys in AWS KMS need the library boto3.",
                fix="run: pip install 'bedside[aws]'",
                code="not_installed",
            ) from None
        options = dict(client_options)
        config = Config(
            connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 3}
        ).merge(options.pop("config", Config()))
        self._failed, self._answered = BotoCoreError, ClientError
        try:
            self._client = boto3.client("kms", config=config, **options)
        except (BotoCoreError, ValueError):
            raise Invalid(
                "AWS KMS cannot be reached with these options.",
                fix="name the region, and an endpoint only if it is not AWS's own.",
            ) from None
        self.region = str(self._client.meta.region_name)
        self._mark = mark
        self._marking = f"{mark}: mark of destroyed keys, encrypts nothing"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, what: str, *, key: str = "", **given: Any) -> dict[str, Any]:
        """Do one thing, by the name of the method that `boto3` has for it.

        Its refusals become ours, and repeat nothing of what was sent.

        Args:
            what: Such as `encrypt`.
            key: The key to name when KMS finds that the bytes are not encrypted so.
            given: What the method takes.

        Raises:
            NotFound: there is no such key or alias.
            Refused: the bytes do not open (code `wrong_key`), or the credentials do not suffice
                (`keys_forbidden`).
            Unavailable: KMS does not answer, or cannot (`keys_unavailable`).
        """
        try:
            return dict(getattr(self._client, what)(**given) or {})
        except self._answered as error:
            code = str(error.response.get("Error", {}).get("Code"))
        except self._failed:
            code = "no answer"
        raise _answer(code, key)

    def look(self, name: str) -> KmsKey | None:
        """The KMS key of an alias or ARN; None if there is none."""
        try:
            told = self.ask("describe_key", KeyId=name)["KeyMetadata"]
        except NotFound:
            return None
        made = None if told.get("CreationDate") is None else iso(told["CreationDate"])
        if told.get("Description") == self._marking:
            return KmsKey(told["Arn"], "destroyed", None)
        if told["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
            return KmsKey(told["Arn"], "destroyed", made)
        return KmsKey(told["Arn"], "usable" if told["KeyState"] == "Enabled" else "disabled", made)

    def aliases(self) -> list[str]:
        """Every alias of the account and region."""
        found: list[str] = []
        more: dict[str, Any] = {}
        while True:
            answer = self.ask("list_aliases", Limit=100, **more)
            found += [one["AliasName"] for one in answer["Aliases"]]
            if not answer.get("Truncated"):
                return found
            more = {"Marker": answer["NextMarker"]}

    def new(self, description: str) -> str:
        """Make a KMS key; return its ARN."""
        answer = self.ask(
            "create_key",
            Description=description,
            KeyUsage="ENCRYPT_DECRYPT",
            KeySpec="SYMMETRIC_DEFAULT",
        )
        return str(answer["KeyMetadata"]["Arn"])

    def named(self, alias: str, arn: str) -> bool:
        """Give the KMS key its alias; False if another one has it."""
        try:
            self.ask("create_alias", AliasName=alias, TargetKeyId=_id(arn))
        except BedsideError as error:
            if error.code == _TAKEN:
                return False
            raise
        return True

    def end(self, alias: str, arn: str) -> None:
        """Destroy a KMS key and move its alias to the mark; doing it twice is once.

        A process may die after any of these steps, and doing it again finishes it.
        """
        mark = self._marked()
        if arn != mark:
            self.discard(arn)
            self.ask("update_alias", AliasName=alias, TargetKeyId=_id(mark))

    def discard(self, arn: str) -> None:
        """Disable a KMS key at once, and have AWS delete it after seven days."""
        seen = self.look(arn)
        if seen is not None and seen.state != "destroyed":
            self.ask("disable_key", KeyId=_id(arn))
            self.ask("schedule_key_deletion", KeyId=_id(arn), PendingWindowInDays=_DAYS)

    def _marked(self) -> str:
        seen = self.look(self._mark)
        if seen is not None:
            return seen.arn
        arn = self.new(self._marking)
        if self.named(self._mark, arn):
            return arn
        # Another process was first. Ours is marked too, so it is ended by its state alone.
        self.ask("schedule_key_deletion", KeyId=_id(arn), PendingWindowInDays=_DAYS)
        seen = self.look(self._mark)
        if seen is None:
            raise out_of_reach()
        return seen.arn


def out_of_reach() -> Unavailable:
    """The error of a KMS that does not answer, or whose answer does not fit."""
    return Unavailable(
        "AWS KMS does not answer, or cannot.",
        fix="check the region, the endpoint and the network, and run the command again.",
        code="keys_unavailable",
    )


def _answer(code: str, key: str) -> BedsideError:
    if code == "NotFoundException":
        return NotFound("AWS KMS has no such key.", fix="run `bedside keys list`.")
    if code == "AlreadyExistsException":
        return Invalid("The alias is taken.", fix="take another.", code=_TAKEN)
    if code in _DOES_NOT_OPEN:
        return wrong_key(key)
    if code in _FORBIDDEN:
        return Refused(
            "AWS KMS does not let these credentials use the key.",
            fix="give credentials whose policy allows the KMS keys of this prefix; if it does, the "
            "wrapped key belongs to another account.",
            code="keys_forbidden",
        )
    return out_of_reach()


def _id(arn: str) -> str:
    return arn.rpartition("/")[2]
