"""The pictures that methods are compared on, none of which the network has learnt from, and their holes."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.free_form_masks import BINS, free_form_mask
from models.training.inpainting_images import ImageFile, find_images, read_grey, split_by_group

SIDE_PX = 256
KINDS = {"fabric": "aitex_tiles/train", "fibres": "nanofiber_sem/train"}
_HELD_OUT_SHARE = 0.2  # of the groups, where no checkpoint says which it has not seen


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A picture and its holes.

    Attributes:
        kind: "fabric" or "fibres".
        image: its file, by name.
        group: of pictures of one fabric or one specimen.
        bin: which of `BINS` the share of holes lies in.
        truth: (256, 256) uint8.
        hole: (256, 256) bool.
    """

    kind: str
    image: str
    group: str
    bin: int
    truth: NDArray[np.uint8]
    hole: NDArray[np.bool_]


def cases(data: Path, count: int, held_out: Sequence[str] | None, seed: int) -> Iterator[Case]:
    """Yield `count` pictures of each kind, spread over groups, each with one mask a bin.

    Args:
        data: folder of recorded data.
        count: pictures of a kind.
        held_out: groups that the checkpoint did not learn from, as its manifest names them; None draws some.
        seed: of the choice and of the masks.
    """
    for kind, folder in KINDS.items():
        for image in _spread(_unseen(find_images(data / folder), held_out, seed), count, seed):
            truth = np.rint(read_grey(image.path)[:SIDE_PX, :SIDE_PX] * 255.0).astype(np.uint8)
            for index, (least, most) in enumerate(BINS):
                generator = np.random.default_rng([seed, index, zlib.crc32(image.path.name.encode())])
                hole = free_form_mask(SIDE_PX, least, most, generator)
                yield Case(kind, image.path.name, image.group, index, truth, hole)


def _unseen(images: Sequence[ImageFile], held_out: Sequence[str] | None, seed: int) -> list[ImageFile]:
    if held_out is None:
        return list(split_by_group(images, seed, _HELD_OUT_SHARE)[1])
    names = {entry.split(": ")[-1].rsplit("/", 1)[-1] for entry in held_out}
    return [image for image in images if image.group.rsplit("/", 1)[-1] in names]


def _spread(images: Sequence[ImageFile], count: int, seed: int) -> list[ImageFile]:
    """Return `count` images, from each group in turn."""
    order = np.random.default_rng([seed, 99]).permutation(len(images))
    turns: dict[str, int] = {}
    ranked = []
    for index in order:
        turn = turns.get(images[index].group, 0)
        turns[images[index].group] = turn + 1
        ranked.append((turn, len(ranked), images[index]))
    return [image for _, _, image in sorted(ranked, key=lambda one: one[:2])[:count]]
