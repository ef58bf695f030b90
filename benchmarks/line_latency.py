"""How long a verdict takes to reach the PLC, over a real socket, each side in its own process.

    python -m benchmarks.line_latency --verdicts 500 --inspections 30

"link": from handing over the verdict to the PLC having it; and from the PLC's new number to the station
taking it up. "station": a whole station with an emulated spectrometer, from the conclusion (its time in
the history; storing it comes after that) to the PLC having the answer. Virtual specimens (simulated).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from instruments.emulators.process import EmulatorProcess
from instruments.line.modbus_link import ModbusLink
from instruments.line.plc_modbus import PlcTrigger
from models.virtual_mill.specimens import write_mill
from qc_daemon.clock import SystemClock
from qc_daemon.domain.line import NoVerdict, StationState
from qc_daemon.wiring.lines import write_scans_as_tape

_DAEMON = [sys.executable, "-c", "from qc_daemon.cli import main; main()"]
_LONGEST_S = 600.0


def measure_link(verdicts: int) -> dict[str, list[float]]:
    """Return the seconds of each announcement and of each answer, without a spectrometer between."""
    announced_s, answered_s = [], []
    with EmulatorProcess("instruments.emulators.plc", ["--pace-s", "0"]) as plc:
        link = ModbusLink("127.0.0.1", plc.ready["port"], 1)
        with PlcTrigger(link, "", None, True, None, SystemClock()) as trigger:
            trigger.announce(StationState.RUNNING)
            for number in range(1, verdicts + 1):
                begun_s = time.time()
                plc.tell("announce")
                cue = None
                while cue is None:
                    cue = trigger.next_cue(lambda: None, 1.0)
                taken_s = time.time()
                announced_s.append(taken_s - begun_s)
                trigger.refuse(cue, NoVerdict.UNDECIDED)
                answered_s.append(_report(plc, number)["answers"][-1]["received_at"] - taken_s)
    return {"announcement to station": announced_s, "verdict to PLC": answered_s}


def measure_station(inspections: int) -> dict[str, list[float]]:
    """Return the seconds from each conclusion in the history to the PLC having the answer."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with _line(folder) as (plc, daemon):
            answers = _report(plc, inspections)["answers"]
            daemon.terminate()
            daemon.wait()
        sql = "SELECT specimen, concluded_at FROM v_inspections"
        done = subprocess.run(
            [*_DAEMON, "history", "sql", "--station", str(folder / "station"), "--json", sql],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    concluded = {
        int(row["specimen"][-5:]): datetime.fromisoformat(row["concluded_at"]).timestamp()
        for row in json.loads(done.stdout)
        if row["concluded_at"]
    }
    return {
        "conclusion to PLC, whole station": [
            one["received_at"] - concluded[one["sequence"]] for one in answers
        ]
    }


@contextmanager
def _line(folder: Path) -> Iterator[tuple[EmulatorProcess, subprocess.Popen[bytes]]]:
    """Run a station, its spectrometer and a PLC that waits for each answer."""
    tape, _ = write_scans_as_tape(write_mill(folder / "mill", 2, 3), folder, "VIRTUAL")
    nano = ["--tape", str(tape), "--scan-time-s", "0.05", "--unpaced"]
    with (
        EmulatorProcess("instruments.emulators.nirscan_nano", nano) as spectrometer,
        EmulatorProcess("instruments.emulators.plc", ["--pace-s", "0.05", "--wait"]) as plc,
    ):
        spectrometer.tell("present 0")
        config = folder / "qc.toml"
        config.write_text(
            f'[station]\nfolder = "{folder / "station"}"\nlanguage = "en"\n'
            f'[spectrometer]\nport = "{spectrometer.ready["port"]}"\n[line]\ntrigger = "plc"\n'
            f'[plc]\nhost = "127.0.0.1"\nport = {plc.ready["port"]}\nlot_and_label = true\n',
            encoding="utf-8",
        )
        daemon = subprocess.Popen(
            [*_DAEMON, "run", "--config", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield plc, daemon
        finally:
            daemon.kill()
            daemon.wait()


def _report(plc: EmulatorProcess, answered: int) -> dict[str, Any]:
    """Return the PLC's report once it has that many answers."""
    deadline_s = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline_s:
        report = plc.tell(f"report {answered}")
        if report["answered"] >= answered:
            return report
        time.sleep(0.005)
    raise SystemExit(f"the PLC got fewer than {answered} answers in {_LONGEST_S:g} s")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=int, default=500)
    parser.add_argument("--inspections", type=int, default=30)
    options = parser.parse_args()
    table = Table("from, to", "median ms", "95th percentile ms", "longest ms", "n")
    for name, seconds in (measure_link(options.verdicts) | measure_station(options.inspections)).items():
        in_order = sorted(seconds)
        high = statistics.quantiles(in_order, n=20, method="inclusive")[-1]
        figures = (statistics.median(in_order), high, in_order[-1])
        table.add_row(name, *(f"{1000 * figure:.1f}" for figure in figures), str(len(seconds)))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
