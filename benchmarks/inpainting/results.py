"""The results on disk, written anew after every picture, so that a run that was killed goes on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.inpainting.scores import Score
from benchmarks.inpainting.tasks import TaskError

RESULTS = Path(__file__).parents[1] / "results" / "inpainting.json"


@dataclass(slots=True)
class Results:
    """What was measured, and by what.

    Attributes:
        origin: seed, commit, digest of the checkpoint, versions of libraries, kinds of data.
    """

    origin: Mapping[str, Any]
    scores: list[Score] = field(default_factory=list)
    tasks: list[TaskError] = field(default_factory=list)

    def has(self, method: str, kind: str, image: str, bin_index: int) -> bool:
        """Tell whether a method was measured on a picture and mask."""
        return any(
            (one.method, one.kind, one.image, one.bin) == (method, kind, image, bin_index)
            for one in self.scores
        )


def read_results(path: Path, origin: Mapping[str, Any]) -> Results:
    """Return what an earlier run of the same origin measured; of another origin, nothing."""
    if not path.is_file():
        return Results(origin)
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["origin"] != json.loads(json.dumps(origin)):
        return Results(origin)
    return Results(
        origin,
        [Score(**entry) for entry in document["scores"]],
        [TaskError(**entry) for entry in document["tasks"]],
    )


def write_results(path: Path, results: Results) -> None:
    """Write all results; the file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(asdict(results), indent=1), encoding="utf-8")
    unfinished.replace(path)
