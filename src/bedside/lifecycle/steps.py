"""Steps addressed by the digest of their inputs: done once, found again after a kill."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bedside.core.ids import canonical_json, digest_of
from bedside.core.ports import ObjectStore, Progress

__all__ = ["Done", "StepRunner", "WriteFile", "forget_steps"]

Made = Mapping[str, bytes]


class WriteFile(Protocol):
    """Writes a file whole or not at all."""

    def __call__(self, path: Path, content: bytes) -> None:
        """Write the bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished step: its key, and the digest of each output."""

    key: str
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRunner:
    """Runs steps, or finds what they made before.

    Args:
        folder: Where the index of finished steps lies.
        objects: Where the outputs lie.
        write: Writes the index.
        progress: Is told of each step.
        code: Digest of the program and its libraries; another one is another step.
    """

    folder: Path
    objects: ObjectStore
    write: WriteFile
    progress: Progress
    code: str

    def run(
        self,
        name: str,
        inputs: Mapping[str, Any],
        make: Callable[[Callable[[int], None]], Made],
        *,
        total: int | None = None,
    ) -> Done:
        """The step's outputs; `make` is called only when these inputs were never seen."""
        key = digest_of({"step": name, "inputs": dict(inputs), "code": self.code})
        index = self.folder / f"{key}.json"
        if index.is_file():
            outputs = json.loads(index.read_bytes())
            if all(self.objects.has(digest) for digest in outputs.values()):
                self.progress.skipped(name)
                return Done(key=key, outputs=outputs)
        with self.progress.step(name, total=total) as advance:
            made = make(advance)
            outputs = {part: self.objects.put(content) for part, content in made.items()}
            self.write(index, canonical_json(outputs))
        return Done(key=key, outputs=outputs)

    def read(self, done: Done, part: str) -> bytes:
        """One output of a finished step."""
        return self.objects.get(done.outputs[part])


def forget_steps(folder: Path, objects: ObjectStore) -> int:
    """Remove what every step made; the next build makes it anew. Return how many objects that was.

    The index goes first, so that no build can find a step whose results are half gone.
    """
    for index in sorted(folder.glob("*.json")):
        index.unlink()
    made = list(objects.digests())
    for digest in made:
        objects.remove(digest)
    return len(made)
