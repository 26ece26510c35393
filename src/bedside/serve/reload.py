"""Releases that take effect on a running server: loaded beside it, then put in its place."""

import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping

from bedside.core.errors import BedsideError, Refused
from bedside.core.ports import Registry
from bedside.core.records.rollout import Release
from bedside.core.records.version import Stage
from bedside.serve.answer import Answerer
from bedside.serve.served import ServedModel, models_of

__all__ = ["Loader", "Reloader"]

_LOG = logging.getLogger("bedside.serve")
RETRY_SECONDS = 15.0

Record = Callable[[str, dict[str, object]], object]
Load = Callable[[Release], Answerer]


class Loader:
    """Keeps every version that was loaded as long as the registry says that it is needed.

    Args:
        load: Opens and verifies a bundle and makes its answerer, warm.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._loaded: dict[str, Answerer] = {}
        self.failed: dict[str, BedsideError] = {}

    def models(
        self, releases: list[Release], before: Mapping[str, ServedModel]
    ) -> dict[str, ServedModel]:
        """What is to be served now.

        Where a version does not load, its model stays as it was before, but for what is suspended,
        and `failed` says why.
        """
        self.failed = {}
        answerers: list[Answerer] = []
        broken: set[str] = set()
        for release in releases:
            try:
                answerers.append(self._in_stage(release))
            except Exception as error:
                self.failed[release.version] = _as_ours(error)
                if release.stage is not Stage.SUPERSEDED:
                    broken.add(release.name)
        canaries = {one.name: one.canary for one in releases if one.canary is not None}
        models = models_of(answerers, canaries)
        suspended = {one.version for one in releases if one.suspended}
        for name in broken:
            models.pop(name, None)
            if name in before:
                models[name] = before[name].suspending(suspended)
        needed = {release.version for release in releases}
        needed |= {one.version_id for model in models.values() for one in model.versions}
        self._loaded = {one: kept for one, kept in self._loaded.items() if one in needed}
        return models

    def _in_stage(self, release: Release) -> Answerer:
        known = self._loaded.get(release.version)
        if known is None:
            known = self._load(release)
        if (known.stage, known.is_suspended) != (release.stage, release.suspended):
            known = known.in_stage(release.stage, suspended=release.suspended)
        self._loaded[release.version] = known
        return known


class Reloader:
    """Asks the registry again and again whether a release has changed, in a thread of its own.

    Args:
        registry: Which versions are released.
        loader: Makes models of them.
        serve: Given the models when they have changed.
        before: What is served now.
        revision: Of the registry, when `before` was loaded.
        record: Writes an action and its details to the ledger.
        every: Seconds between two looks.
    """

    def __init__(
        self,
        registry: Registry,
        loader: Loader,
        serve: Callable[[Mapping[str, ServedModel]], None],
        *,
        before: Mapping[str, ServedModel],
        revision: int,
        record: Record,
        every: float = 0.5,
    ) -> None:
        self._registry, self._loader, self._serve = registry, loader, serve
        self._models, self._revision, self._record = before, revision, record
        self._every, self._again_at = every, float("inf")
        self._told: dict[str, str] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reload", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def look(self) -> bool:
        """Serve what is released now; whether anything had changed."""
        revision = self._registry.revision()
        if revision == self._revision and time.monotonic() < self._again_at:
            return False
        releases = self._registry.releases()
        models = self._loader.models(releases, self._models)
        self._serve(models)
        self._models, self._revision = models, revision
        gc.freeze()
        self._tell(releases)
        return True

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self.look()
            except Exception as error:  # the database may be away: what is served stays
                _LOG.error("releases cannot be read: %s", type(error).__name__)

    def _tell(self, releases: list[Release]) -> None:
        """One entry for each version that fails for a reason not told yet, one for each change."""
        failed = {version: error.code for version, error in self._loader.failed.items()}
        self._again_at = time.monotonic() + RETRY_SECONDS if failed else float("inf")
        for version, code in failed.items():
            if self._told.get(version) != code:
                _LOG.error("%s does not load: %s", version, self._loader.failed[version])
                self._record("reload.failed", {"version": version, "code": code})
        self._told = failed
        stages = {one.version: one.stage.value for one in releases if one.version not in failed}
        suspended = [one.version for one in releases if one.suspended]
        told: dict[str, object] = {"revision": self._revision, "stages": stages}
        self._record("reload", told | ({"suspended": suspended} if suspended else {}))


def _as_ours(error: Exception) -> BedsideError:
    if isinstance(error, BedsideError):
        return error
    return Refused(
        f"It cannot be loaded ({type(error).__name__}).", fix="build it again.", code="unloadable"
    )
