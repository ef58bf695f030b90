"""What the station does by itself each night, in order: one line a job."""

from collections.abc import Callable, Sequence

from qc_daemon.alarms import Alarms
from qc_daemon.calendar import NightlyJob
from qc_daemon.config import Config
from qc_daemon.domain.outbox import Outbox
from qc_daemon.wiring.archive import check_promises
from qc_daemon.wiring.keeping import nightly_backup, nightly_retention
from qc_daemon.wiring.ledger import nightly_anchor, nightly_ledger_check
from qc_daemon.wiring.messages import send_ledger_head
from qc_daemon.wiring.replay import nightly_replay
from qc_daemon.wiring.reports import nightly_reports
from qc_daemon.workplace import Workplace


def nightly_jobs(
    config: Config, workplace: Workplace, outbox: Outbox, alarms: Alarms
) -> Sequence[NightlyJob]:
    """Return the jobs of a station; what one raises becomes an alarm."""
    return [
        NightlyJob("reports", config.report.daily_hour, 5, nightly_reports(config, workplace)),
        NightlyJob("check", 2, 0, _check(config, alarms)),
        NightlyJob("ledger", 2, 20, nightly_ledger_check(config, alarms)),
        NightlyJob("replay", 2, 40, nightly_replay(config, alarms)),
        NightlyJob("anchor", 2, 45, nightly_anchor(config)),
        NightlyJob("anchor by message", 2, 46, send_ledger_head(workplace, outbox)),
        NightlyJob("retention", 3, 0, nightly_retention(config, workplace)),
        NightlyJob("backup", 3, 10, nightly_backup(config)),
    ]


def _check(config: Config, alarms: Alarms) -> Callable[[], None]:
    """Check every promise from outside; the alarm goes when a later night finds nothing."""

    def check() -> None:
        problems = check_promises(config).problems
        alarms.clear("fsck")
        if problems:
            more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
            alarms.raise_alarm("fsck", f"{problems[0]}{more}")

    return check
