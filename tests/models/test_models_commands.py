import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import Ran

from models.checkpoint import GOLDEN, RELEASED, Checkpoint, load_checkpoint, write_manifest
from models.sealed_folder import seal_files
from qc_daemon.cli import main
from qc_daemon.config import Config, load_config
from qc_daemon.domain.errors import CheckpointError
from qc_daemon.wiring.archive import open_archive
from qc_daemon.wiring.database import open_store
from qc_daemon.wiring.history import run_query
from qc_daemon.wiring.model_choice import chosen_checkpoint
from qc_daemon.wiring.station import open_judges

EMULATED = '[station]\nfolder = "{folder}"\n[emulated_line]\nspecimens = 2\n[judgement]\n'


class Station:
    """A station folder with a configuration, and `qc-daemon models` on it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder / "station", capsys
        self.config_file = folder / "qc.toml"
        self.configure("")

    def configure(self, judgement: str) -> None:
        text = EMULATED.format(folder=self.folder) + judgement
        self.config_file.write_text(text, encoding="utf-8")

    @property
    def config(self) -> Config:
        return load_config(self.config_file)

    def models(self, *arguments: object) -> Ran:
        return self.run("models", *arguments)

    def run(self, *arguments: object) -> Ran:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--config", str(self.config_file)])
        printed = self._capsys.readouterr()
        return Ran(int(ended.value.code or 0), printed.out, printed.err)

    def add_model(self, name: str, golden_off_by: float = 0.0) -> Checkpoint:
        """Copy the released model in, as one that was trained another time."""
        folder = Path(shutil.copytree(RELEASED, self.folder / "models" / name))
        manifest = load_checkpoint(folder).manifest
        if golden_off_by:
            golden = dict(np.load(folder / GOLDEN))
            golden["out.shares"] = golden["out.shares"] + np.float32(golden_off_by)
            np.savez(folder / GOLDEN, **golden)
        files = seal_files(folder, tuple(seal.name for seal in manifest.files))
        training = replace(manifest.training, seed=manifest.training.seed + 1)
        write_manifest(folder, replace(manifest, name=name, training=training, files=files))
        return load_checkpoint(folder)


@pytest.fixture
def station(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Station:
    return Station(tmp_path, capsys)


def require_one_line(ran: Ran, status: int, *words: str) -> None:
    assert (ran.status, ran.out) == (status, ""), ran
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    for word in words:
        assert word in ran.err


def test_a_new_station_uses_the_shipped_model(station: Station) -> None:
    ran = station.models("list", "--json")
    assert ran.status == 0
    active = [model for model in ran.document["models"] if model["active"]]
    assert [model["name"] for model in active] == [RELEASED.name]
    assert active[0]["version"] == load_checkpoint(RELEASED).digest
    assert not station.folder.exists(), "looking changes nothing"


def test_a_model_that_is_copied_in_is_listed_and_shown(station: Station) -> None:
    added = station.add_model("our-line")
    ran = station.models("list")
    assert ran.status == 0
    assert added.digest[:12] in ran.out
    shown = station.models("show", "our-line")
    assert added.digest in shown.out
    assert "polyester" in shown.out
    document = station.models("show", "our-line", "--json").document
    assert document["version"] == added.digest
    assert document["manifest"]["training"]["seed"] == added.manifest.training.seed


def test_a_damaged_model_is_listed_with_what_is_wrong(station: Station) -> None:
    graph = station.add_model("our-line").onnx_path
    graph.chmod(0o600)
    graph.write_bytes(graph.read_bytes()[:-1])
    ran = station.models("list", "--json")
    assert ran.status == 1
    assert "model.onnx: SHA-256" in ran.document["models"][-1]["problem"]
    require_one_line(station.models("activate", "our-line"), 2, "model.onnx", "was altered")


def test_a_name_that_is_not_there_is_answered_with_those_that_are(station: Station) -> None:
    require_one_line(
        station.models("show", "isic-net-0"), 2, '"isic-net-0"', f"expected one of {RELEASED.name}"
    )


def test_two_different_models_of_one_name_are_refused(station: Station) -> None:
    station.add_model(RELEASED.name)
    require_one_line(station.models("activate", RELEASED.name), 2, "differ", "rename")


def test_an_activated_model_judges_from_the_next_start_and_stays(station: Station) -> None:
    added = station.add_model("our-line")
    ran = station.models("activate", "our-line")
    assert ran.status == 0, ran.err
    assert f"our-line {added.digest[:12]} is active from the next start" in ran.out
    assert chosen_checkpoint(station.config) == added.folder
    with open_judges(station.config, None) as judges:
        assert judges.predictor.version.digest == added.digest
    assert [m["name"] for m in station.models("list", "--json").document["models"] if m["active"]] == [
        "our-line"
    ]
    station.models("activate", RELEASED.name)
    assert chosen_checkpoint(station.config) == RELEASED
    rows = run_query(
        station.config, "SELECT role, name, digest FROM model_activations ORDER BY sequence"
    ).rows
    released = load_checkpoint(RELEASED)
    assert rows == (
        ("composition", "our-line", added.digest),
        ("composition", released.manifest.name, released.digest),
    )


def test_new_conclusions_are_drawn_by_a_model_of_the_library_or_by_a_folder(station: Station) -> None:
    added = station.add_model("our-line")
    for meant, digest in (
        ("our-line", added.digest),
        (str(added.folder), added.digest),
        (None, load_checkpoint(RELEASED).digest),
    ):
        with open_archive(station.config, meant) as (judges, _):
            assert judges.predictor.version.digest == digest
    ran = station.run("conclude", "--all", "--model", "no-such")
    require_one_line(ran, 2, f'no model "no-such"; expected one of {RELEASED.name}, our-line')


def test_a_station_does_not_go_on_with_another_model_when_its_own_is_gone(station: Station) -> None:
    added = station.add_model("our-line")
    station.models("activate", "our-line")
    shutil.rmtree(added.folder)
    with pytest.raises(CheckpointError, match=rf"active model our-line {added.digest[:12]} is not in"):
        chosen_checkpoint(station.config)


def test_a_model_that_fails_its_golden_outputs_is_not_activated(station: Station) -> None:
    station.add_model("our-line", golden_off_by=3e-4)
    require_one_line(station.models("activate", "our-line"), 2, "differs by 0.0003 in shares")
    assert chosen_checkpoint(station.config) == RELEASED


def test_a_running_station_is_left_alone_and_the_way_is_told(station: Station) -> None:
    station.add_model("our-line")
    with open_store(station.config):
        ran = station.models("activate", "our-line")
    require_one_line(ran, 3, f"process {os.getpid()}", "stop it, activate, start it again")
    assert chosen_checkpoint(station.config) == RELEASED


def test_a_model_folder_in_the_configuration_wins_so_activating_is_refused(station: Station) -> None:
    station.configure(f'checkpoint = "{RELEASED}"\n')
    require_one_line(station.models("activate", RELEASED.name), 2, "judgement.checkpoint", str(RELEASED))


@pytest.mark.parametrize(("graph_format", "graph"), [("onnx", "model.onnx"), ("mindir", "model.mindir")])
def test_a_graph_is_exported_whole_with_its_sum(
    station: Station, tmp_path: Path, graph_format: str, graph: str
) -> None:
    out = tmp_path / "out"
    ran = station.models("export", RELEASED.name, "--format", graph_format, "--out", out)
    assert ran.status == 0, ran.err
    assert (out / graph).read_bytes() == (RELEASED / graph).read_bytes()
    assert (out / "SHA256SUMS").read_text() == f"{sha256(out / graph)}  {graph}\n"
    assert ran.out.split() == [sha256(out / graph), str(out / graph)]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_that_cannot_be_written_is_one_line(station: Station, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    ran = station.models("export", RELEASED.name, "--format", "onnx", "--out", tmp_path / "out")
    require_one_line(ran, 2, str(tmp_path / "out"), "cannot be written")


def test_without_the_compiler_the_way_to_it_is_written_down(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    ran = station.models("export", RELEASED.name, "--format", "om", "--out", tmp_path / "om", "--json")
    assert ran.status == 0
    assert "no atc on this computer" in ran.err
    assert str(tmp_path / "om" / "convert.sh") in ran.err
    assert ran.document["compiled"] is False
    assert sorted(path.name for path in (tmp_path / "om").iterdir()) == [
        "CONVERT.txt", "SHA256SUMS", "convert.sh", "model.onnx",
    ]  # fmt: skip
    notes = (tmp_path / "om" / "CONVERT.txt").read_text()
    assert load_checkpoint(RELEASED).digest in notes
    assert "CANN 8.0.0" in notes
    assert "image  float32  1 x 1 x 448 x 448" in notes


def compiler(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called atc on the path."""
    program = folder / "bin" / "atc"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_where_the_compiler_is_it_runs_with_the_documented_options(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler(tmp_path, monkeypatch, 'printf "%s\\n" "$@" > asked; cp model.onnx model.om')
    out = tmp_path / "om"
    ran = station.models("export", RELEASED.name, "--format", "om", "--out", out)
    assert (ran.status, ran.err) == (0, "")
    assert f"{sha256(out / 'model.om')}  {out / 'model.om'}" in ran.out
    assert (out / "asked").read_text().splitlines() == [
        "--model=model.onnx",
        "--framework=5",
        "--soc_version=Ascend310",
        "--input_format=ND",
        "--input_shape=signal:1,2,160;image:1,1,448,448;image_present:1,1",
        "--output_type=FP32",
        "--op_select_implmode=high_precision",
        "--output=model",
        "--log=error",
    ]


def test_a_compiler_that_fails_is_reported_with_its_log(
    station: Station, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler(tmp_path, monkeypatch, "echo E40021: no kernel; exit 7")
    ran = station.models("export", RELEASED.name, "--format", "om", "--out", tmp_path / "om")
    require_one_line(ran, 1, "atc ended with status 7", "atc.log")
    assert "E40021" in (tmp_path / "om" / "atc.log").read_text()


def test_only_parity_imports_mindspore(station: Station, tmp_path: Path) -> None:
    commands = [
        ["list"],
        ["show", RELEASED.name],
        ["activate", RELEASED.name],
        *(
            ["export", RELEASED.name, "--format", one, "--out", str(tmp_path / one)]
            for one in ("mindir", "om")
        ),
    ]
    code = (
        "import json, sys\n"
        "from qc_daemon.cli import main\n"
        "for command in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        main(['models', *command, '--config', sys.argv[2]])\n"
        "    except SystemExit as ended:\n"
        "        assert not ended.code, command\n"
        "sys.exit('mindspore' in sys.modules)\n"
    )
    arguments = [sys.executable, "-c", code, json.dumps(commands), str(station.config_file)]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
