"""Commands of the laboratory's results: lab import, lab compare, lab dataset."""

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from qc_daemon.commands.archive import ConfigOption, JsonOption, StationOption
from qc_daemon.commands.output import console, print_json, say, table
from qc_daemon.config import DEFAULT_FILE
from qc_daemon.wiring import lab as wiring
from qc_daemon.wiring.archive import archive_config


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    lab = typer.Typer(help="Laboratory results beside what the station said.", no_args_is_help=True)
    lab.command("import")(lab_import)
    lab.command("compare")(lab_compare)
    lab.command("dataset")(lab_dataset)
    app.add_typer(lab, name="lab")


def lab_import(
    file: Annotated[Path, typer.Argument(help="CSV: specimen, method, laboratory, date, basis, fibres.")],
    who: Annotated[str | None, typer.Option(help="Who brings them in; the user of this computer.")] = None,
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
) -> None:
    """Bring in results of wet chemistry (ISO 1833) by specimen: all rows of the file, or none."""
    done = wiring.import_results(archive_config(config, station), file, who or getpass.getuser())
    typer.echo(f"{done.added} results added, {done.known} known already")
    for specimen in done.never_inspected:
        say(f"note: specimen {specimen} has not been inspected on this station")


def lab_compare(
    config: ConfigOption = DEFAULT_FILE, station: StationOption = None, as_json: JsonOption = False
) -> None:
    """Compare the station with the laboratory: bias, RMSEP and coverage per blend and fibre."""
    compared = wiring.lab_comparison(archive_config(config, station))
    if as_json:
        print_json({"rows": [asdict(row) for row in compared]})
        return
    rows = table("blend", "fibre", "specimens", "inspections", "bias pp", "RMSEP pp", "coverage", "promised")
    for row in compared:
        rows.add_row(
            row.fibres, row.fibre, str(row.specimens), str(row.inspections), f"{row.bias_pp:+.2f}",
            f"{row.rmsep_pp:.2f}", f"{row.coverage:.2f}", f"{row.nominal_coverage:.2f}",
        )  # fmt: skip
    console().print(rows)
    bases = sorted({(row.basis, row.lab_basis, row.compared_on) for row in compared})
    for basis, lab_basis, compared_on in bases:
        if compared_on != lab_basis:
            say(f'note: compared "{basis}" with the laboratory\'s "{lab_basis}"; part of the bias is that')
        elif basis != lab_basis:
            say(f'note: brought from "{basis}" to the laboratory\'s "{lab_basis}"')


def lab_dataset(
    out: Annotated[Path, typer.Option(help="New dataset folder to write.")],
    config: ConfigOption = DEFAULT_FILE,
    station: StationOption = None,
) -> None:
    """Write a dataset folder for `qc-daemon train` from the specimens that a laboratory analysed."""
    written = wiring.write_lab_dataset(archive_config(config, station), out)
    for line in written.left_out:
        say(f"note: {line}")
    typer.echo(f"{written.rows} spectra of {written.specimens} specimens in {out}")
