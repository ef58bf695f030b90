"""docs/operating.md describes every key of the configuration and every alarm, in the words of the code."""

from pathlib import Path

from qc_daemon.domain.alarms import CATALOGUE
from qc_daemon.settings.reference import with_tables

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "operating.md"
REMEDY = "python -m qc_daemon.settings.reference docs/operating.md makes its tables anew"


def test_the_tables_of_keys_and_alarms_are_current() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_tables(text) == text, REMEDY


def test_every_alarm_is_there_in_both_languages() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for code, kind in CATALOGUE.items():
        assert text.count(f"| `{code}` | {kind.severity.value} |") == 2, code
        assert kind.en.remedy in text
        assert kind.zh.remedy in text


def test_every_key_is_there() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert "| `station.folder` | `station` |" in text
    assert "| `spectrometer.port` | required |" in text
    assert "Taken over on SIGHUP." in text
