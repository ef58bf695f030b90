"""What turns an exported graph into `model.om` for an Ascend 310: the compiler's command and its notes.

Options as the ATC pages of CANN 8.0.0 state them (hiascend.com, devaids/atctool). CANN 8.0.0 is the last
whole release whose documents name the 310 (Atlas 200/300/500 inference products); its Python parts need
NumPy below 2, so it gets an environment of its own.
"""

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from models.checkpoint import OM, ONNX, Checkpoint
from models.sealed_folder import TensorSpec
from qc_daemon.domain.errors import QcError

CANN = "8.0.0"
SCRIPT, NOTES, LOG = "convert.sh", "CONVERT.txt", "atc.log"


def atc_command(inputs: Sequence[TensorSpec]) -> list[str]:
    """Return the command that compiles model.onnx of the working folder to model.om."""
    shapes = ";".join(f"{spec.name}:{','.join(map(str, spec.shape))}" for spec in inputs)
    return [
        "atc",
        f"--model={ONNX}",
        "--framework=5",  # ONNX
        "--soc_version=Ascend310",
        "--input_format=ND",
        f"--input_shape={shapes}",
        "--output_type=FP32",  # what the manifest promises; inside, the 310 computes in fp16
        "--op_select_implmode=high_precision",
        f"--output={Path(OM).stem}",
        "--log=error",
    ]


def write_conversion(checkpoint: Checkpoint, folder: Path) -> tuple[str, ...]:
    """Write the script and the notes into a folder that holds model.onnx; return their names."""
    manifest = checkpoint.manifest
    command = " \\\n    ".join(map(shlex.quote, atc_command(manifest.inputs)))
    script = folder / SCRIPT
    script.write_text(f'#!/bin/sh\n# Needs CANN {CANN}.\nset -e\ncd "$(dirname "$0")"\n{command}\n', "utf-8")
    script.chmod(0o755)
    (folder / NOTES).write_text(_notes(checkpoint), encoding="utf-8")
    return SCRIPT, NOTES


def compile_here(folder: Path) -> bool:
    """Run the script if this computer has the compiler; tell whether it has.

    Raises:
        QcError: the compiler failed; its words are in atc.log.
    """
    if shutil.which("atc") is None:
        return False
    log = folder / LOG
    with log.open("wb") as output:
        done = subprocess.run(
            [str((folder / SCRIPT).resolve())], stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode != 0 or not (folder / OM).is_file():
        raise QcError(f"atc ended with status {done.returncode} and made no sound {OM}; see {log}")
    return True


def _notes(checkpoint: Checkpoint) -> str:
    manifest = checkpoint.manifest
    inputs = "\n".join(f"  {_line(spec)}" for spec in manifest.inputs)
    outputs = "\n".join(f"  {_line(spec)}" for spec in manifest.outputs)
    return f"""\
{manifest.name}, version {checkpoint.digest}, for an Ascend 310

1. On a computer with CANN {CANN} (the board itself, or any with the same release):
     . /usr/local/Ascend/ascend-toolkit/set_env.sh
     ./{SCRIPT}
   It compiles {ONNX} to {OM}; batch 1, static shapes, fp16 inside, fp32 at both ends.
2. Copy {OM} into the model's folder, beside {ONNX}, and say in the station's configuration:
     [judgement]
     runtime = "ascend_acl"
3. qc-daemon check
   loads it on the device and compares it with the golden outputs of the checkpoint. It serves only if
   it reproduces them; a {OM} of another model or version does not.

Inputs, in this order:
{inputs}
Outputs, in this order:
{outputs}

Preprocessing stays on the host: no AIPP. No Ascend 310 has run this yet; docs/models.md says what was
checked instead.
"""


def _line(spec: TensorSpec) -> str:
    return f"{spec.name}  {spec.dtype}  {' x '.join(map(str, spec.shape))}"
