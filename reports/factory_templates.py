"""The templates of a factory: its own files laid over those of this software, tried before they go live.

What was tried well is kept as a folder of its own, named by the digest of all of its files, so that a
template that is edited later changes nothing until it was tried too.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from qc_daemon.domain.errors import InputError, ReportFailed
from reports.certificate import certificate_sheet
from reports.content import certificate_content
from reports.daily_report import daily_sheet
from reports.golden import bare_inspection, golden_inspection
from reports.golden_periods import bare_day, bare_lot, golden_day, golden_lot
from reports.lot_report import lot_sheet
from reports.render_process import RenderProcess
from reports.typesetting import SHIPPED_TEMPLATES, Sheet

_KB = 1000
# A logo goes into each certificate; a font only as far as its letters are used.
_LARGEST_KB: Mapping[str, int] = {
    ".typ": 256, ".png": 256, ".svg": 256, ".jpg": 256, ".jpeg": 256, ".otf": 32_000, ".ttf": 32_000,
}  # fmt: skip
_TRIAL_NUMBER = 1


def try_templates(folder: Path, kept: Path, timeout_s: float) -> Path:
    """Lay made-up reports of each kind out with a factory's templates; return where these are kept.

    Args:
        folder: the factory's files.
        kept: where templates that were tried well are kept.
        timeout_s: how long the layout of each may take.

    Raises:
        InputError: a file is too large or of no use; one line with its name and what was expected.
        ReportFailed: the layout engine refused, with file and line, or took too long.
    """
    files = _files(folder)
    target = kept / _digest(files)
    if target.is_dir():
        return target
    trial = kept / f".trial-{target.name}"
    shutil.rmtree(trial, ignore_errors=True)
    trial.mkdir(parents=True)
    try:
        for name, content in files.items():
            (trial / name).write_bytes(content)
        _lay_out(trial, timeout_s)
        trial.rename(target)
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    return target


def last_good(kept: Path) -> Path:
    """Return the newest templates that were tried well; those of this software if there are none."""
    if not kept.is_dir():
        return SHIPPED_TEMPLATES
    good = [path for path in kept.iterdir() if not path.name.startswith(".")]
    return max(good, key=lambda path: path.stat().st_mtime, default=SHIPPED_TEMPLATES)


def forget_if_broken(kept: Path, timeout_s: float) -> None:
    """Forget the newest templates that were tried well if they can no longer be laid out.

    A new version of this software may say things to a template in another way than they expect.
    """
    good = last_good(kept)
    if good == SHIPPED_TEMPLATES:
        return
    try:
        _lay_out(good, timeout_s)
    except ReportFailed:
        shutil.rmtree(good)


def keep_only(target: Path) -> None:
    """Forget all other templates that are kept beside `target`."""
    for path in target.parent.iterdir():
        if path != target:
            shutil.rmtree(path, ignore_errors=True)


def _files(folder: Path) -> Mapping[str, bytes]:
    """Return the files of this software with those of the factory in their place, by name."""
    files = {path.name: path.read_bytes() for path in sorted(SHIPPED_TEMPLATES.glob("*.typ"))}
    try:
        own = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be read ({error.strerror}); expected a folder of templates"
        ) from error
    for path in own:
        largest_kb = _LARGEST_KB.get(path.suffix.lower())
        if largest_kb is None:
            raise InputError(f"{path}: expected a file of {', '.join(_LARGEST_KB)}")
        size = path.stat().st_size
        if size > largest_kb * _KB:
            raise InputError(f"{path}: has {size / 1e6:.1f} MB; expected at most {largest_kb} kB")
        files[path.name] = path.read_bytes()
    return files


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _lay_out(templates: Path, timeout_s: float) -> None:
    process = RenderProcess(timeout_s)
    try:
        for sheet in _trial_sheets(templates):
            process.typeset(sheet)
    except ReportFailed as error:
        raise ReportFailed(f"templates of the factory: {error}") from error
    finally:
        process.close()


def _trial_sheets(templates: Path) -> Iterator[Sheet]:
    """Yield each kind of report, full and with nothing that it can do without."""
    for inspection in (golden_inspection(), bare_inspection()):
        acquisition, conclusion, around = inspection
        content = certificate_content(_TRIAL_NUMBER, acquisition, conclusion, "Trial", around)
        yield certificate_sheet(content, "both", templates)
    for lot in (golden_lot(), bare_lot()):
        yield lot_sheet(lot, "both", templates)
    for day in (golden_day(), bare_day()):
        yield daily_sheet(day, "both", templates)
