"""Runs told to an MLflow server, through MLflow's own client."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.core.records.tracked_run import TrackedRun
from bedside.core.web_address import WebAddress

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["MlflowTracker"]

SILENT: dict[str, str] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # its client reports on its use otherwise
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""What MLflow's client is told through the environment, as it can be told in no other way."""

AT_ONCE = 100  # parameters or tags in one call
LONGEST_PARAMETER = 500  # older servers take no more
LONGEST_TAG = 5000
LONGEST_NAME = 250
PROXIED = "mlflow-artifacts:"


class MlflowTracker:
    """An MLflow server; its client is loaded when the first run is told.

    Args:
        address: As in MLFLOW_TRACKING_URI.
        plain: Whether plain http to another machine is allowed.
    """

    def __init__(self, address: str, *, plain: bool = False) -> None:
        self._address, self._plain = address, plain

    def log(self, run: TrackedRun) -> str:
        """Tell it of a run; see the port."""
        with _translated():
            return str(self._told(self._client(), run).info.run_id)

    def register(self, run: TrackedRun, folder: str, name: str) -> str:
        """Tell it of a run, and register a folder of it; see the port."""
        with _translated():
            client = self._client()
            made = self._told(client, run)
            if not _takes_files(made):
                raise Refused(
                    "The MLflow server takes in no files itself.",
                    fix="start it with --serve-artifacts, or copy the exported folder by hand.",
                    code="tracker_files",
                )
            _make_model(client, name)
            version = client.create_model_version(
                name,
                source=f"{made.info.artifact_uri}/{folder}",
                run_id=made.info.run_id,
                tags=dict(run.tags),
            )
            return str(version.version)

    def _client(self) -> "MlflowClient":
        address = _fit_to_call(self._address, plain=self._plain)
        for name, value in SILENT.items():
            os.environ[name] = value
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from mlflow import MlflowClient  # noqa: PLC0415  (an extra, and slow to import)
        except ImportError:
            raise Unavailable(
                "MLflow's client is not installed.",
                fix="pip install 'bedside[mlflow]', or unset MLFLOW_TRACKING_URI.",
                code="tracker_missing",
            ) from None
        return MlflowClient(tracking_uri=address, registry_uri=address)

    def _told(self, client: "MlflowClient", run: TrackedRun) -> "Run":
        tags = {_name(key): _text(value, LONGEST_TAG) for key, value in run.tags.items()}
        made = client.create_run(
            _experiment(client, run.experiment), start_time=run.started, run_name=run.name
        )
        run_id, state = made.info.run_id, "FAILED"
        try:
            _log_values(client, run_id, run, tags)
            if _takes_files(made):
                _log_files(client, run_id, run.files)
            else:
                client.set_tag(run_id, "bedside.files", "not sent: the server takes in none itself")
            state = "FINISHED"
        finally:
            client.set_terminated(run_id, status=state)
        return made


def _make_model(client: "MlflowClient", name: str) -> None:
    """The registered model of this name, where it is not there yet."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _experiment(client: "MlflowClient", name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(client.create_experiment(name) if found is None else found.experiment_id)


def _log_values(
    client: "MlflowClient", run_id: str, run: TrackedRun, tags: Mapping[str, str]
) -> None:
    from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

    metrics = [Metric(_name(key), value, run.started, 0) for key, value in run.metrics.items()]
    client.log_batch(run_id, metrics=metrics)
    params = [
        Param(_name(key), _text(value, LONGEST_PARAMETER)) for key, value in run.parameters.items()
    ]
    told = [RunTag(key, value) for key, value in tags.items()]
    for at in range(0, max(len(params), len(told)), AT_ONCE):
        some = slice(at, at + AT_ONCE)
        client.log_batch(run_id, params=params[some], tags=told[some])


def _takes_files(run: Any) -> bool:
    """Whether files go through the server; any other place its client would write to by itself."""
    return str(run.info.artifact_uri).startswith(PROXIED)


def _log_files(client: "MlflowClient", run_id: str, files: Mapping[str, bytes]) -> None:
    with TemporaryDirectory(prefix="bedside-run-") as scratch:
        for name, content in files.items():
            place = Path(scratch, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        client.log_artifacts(run_id, scratch)


def _fit_to_call(text: str, *, plain: bool) -> str:
    """The address, if it may be called.

    Raises:
        Refused: it is no web address, or would go over a network in clear.
    """
    scheme, _, rest = text.partition(":")
    if scheme not in ("http", "https"):
        raise Refused(
            "MLFLOW_TRACKING_URI is not the address of a server. Bedside writes into no MLflow "
            "store by itself: its file store is out of maintenance, and what lies in a database "
            "belongs to the server that keeps it.",
            fix="start `mlflow server` and give its http(s) address.",
            code="tracker_address",
        )
    try:
        WebAddress.read(f"https:{rest}" if plain else text, what="MLFLOW_TRACKING_URI")
    except Invalid as error:
        fix = error.fix
        if scheme == "http" and "plain http" in error.problem:
            fix = f"{fix.rstrip('.')}, or set BEDSIDE_MLFLOW_PLAIN=1 where the network is yours."
        raise Refused(error.problem, fix=fix, code="tracker_address") from None
    return text


@contextmanager
def _translated() -> Iterator[None]:
    """Whatever MLflow's client raises, as ours; its text may repeat what it was told."""
    try:
        yield
    except BedsideError:
        raise
    except Exception as error:
        code = getattr(error, "error_code", "") or ""
        what = f"{type(error).__name__} {code}".strip()
        raise Unavailable(
            f"The MLflow server is out of reach, or refuses what it is told ({what}).",
            fix="check MLFLOW_TRACKING_URI and the server's log.",
            code="tracker_unavailable",
        ) from None


def _name(text: str) -> str:
    """A name of the signs that MLflow allows."""
    kept = "".join(one if one.isalnum() or one in "_-. /" else "_" for one in text)
    return kept[:LONGEST_NAME]


def _text(value: str, longest: int) -> str:
    return value if len(value) <= longest else f"{value[: longest - 1]}…"
