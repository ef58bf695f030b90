"""The page about the instrument names what there is."""

from pathlib import Path

from instruments.emulators.nano_device import DEVICE_FAULTS
from instruments.emulators.nano_uart import UART_FAULTS

PAGE = (Path(__file__).parents[3] / "docs" / "instruments.md").read_text(encoding="utf-8")


def test_each_fault_of_the_emulator_is_documented() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    missing = [name for name in DEVICE_FAULTS | UART_FAULTS if not any(f"`{name}`" in row for row in rows)]
    assert missing == []
