"""The one door to MindSpore: everything else writes ``from models.mindspore_import import ms, nn, ops``.

oneDNN as built into MindSpore 2.10 falls back to its reference convolution on AVX-512 processors,
which makes a training step tens of times slower. Capping the instruction set before the first
import avoids that; a value that is already in the environment is respected.
"""

import os
import sys

from qc_daemon.domain.errors import ConfigError

ISA_CAP = "ONEDNN_MAX_CPU_ISA"

if "mindspore" in sys.modules and ISA_CAP not in os.environ:
    raise ConfigError(
        f"mindspore was imported before {ISA_CAP} was set; import models.mindspore_import first"
    )
os.environ.setdefault(ISA_CAP, "AVX2")

import mindspore as ms  # noqa: E402 - the cap above has to come first
from mindspore import nn, ops  # noqa: E402

__all__ = ["ISA_CAP", "ms", "nn", "ops"]
