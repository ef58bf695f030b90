"""The page about the cameras names what there is."""

from pathlib import Path

from instruments.emulators.mjpeg_camera import _FAULTS

PAGE = (Path(__file__).parents[3] / "docs" / "instruments.md").read_text(encoding="utf-8")


def test_each_fault_of_the_camera_emulator_is_documented_in_its_words() -> None:
    missing = [
        name
        for name, meaning in _FAULTS.items()
        if not any(line.startswith(f"| `{name}") and meaning in line for line in PAGE.splitlines())
    ]
    assert missing == []
