"""Alarms: their states, how they pass from one to the next, and the catalogue of all there are.

    (none) ──raise──► raised ──acknowledge──► acknowledged ──clear──► cleared
                        │ └─────escalate────► escalated ──┘   ▲          │ raise
                        └──────────────clear──────────────────┴──────────┴──► raised

Pure: who raises them and who is told is in ``qc_daemon/alarms.py``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AlarmState(StrEnum):
    """Where an alarm stands."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"  # a person took it on and said why it may wait, or what is done
    ESCALATED = "escalated"  # nobody took it on in time
    CLEARED = "cleared"  # its cause is gone


class AlarmEvent(StrEnum):
    """What can happen to an alarm."""

    RAISE = "raised"
    ACKNOWLEDGE = "acknowledged"
    ESCALATE = "escalated"
    CLEAR = "cleared"


class Severity(StrEnum):
    """How bad it is."""

    NOTICE = "notice"  # somebody should know
    WARNING = "warning"  # results are fewer or later than they should be
    CRITICAL = "critical"  # no verdicts, or what is stored is in danger


# All that may happen; what is not here is refused.
TRANSITIONS: Mapping[AlarmState, Mapping[AlarmEvent, AlarmState]] = {
    AlarmState.RAISED: {
        AlarmEvent.ACKNOWLEDGE: AlarmState.ACKNOWLEDGED,
        AlarmEvent.ESCALATE: AlarmState.ESCALATED,
        AlarmEvent.CLEAR: AlarmState.CLEARED,
    },
    AlarmState.ESCALATED: {
        AlarmEvent.ACKNOWLEDGE: AlarmState.ACKNOWLEDGED,
        AlarmEvent.CLEAR: AlarmState.CLEARED,
    },
    AlarmState.ACKNOWLEDGED: {AlarmEvent.CLEAR: AlarmState.CLEARED},
    AlarmState.CLEARED: {AlarmEvent.RAISE: AlarmState.RAISED},
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm, from its raising on.

    Attributes:
        code: a key of `CATALOGUE`.
        subject: what it is about, if there may be several; empty else.
        message: in the words of what happened.
        acknowledged_by: who took it on, why, and when; empty and None if nobody did.
    """

    code: str
    subject: str
    message: str
    raised_at: datetime
    state: AlarmState = AlarmState.RAISED
    acknowledged_by: str = ""
    acknowledged_why: str = ""
    acknowledged_at: datetime | None = None
    escalated_at: datetime | None = None

    @property
    def taken_by(self) -> str:
        """Who took it on, when and why; empty if nobody did."""
        if not self.acknowledged_by:
            return ""
        at = f" {self.acknowledged_at:%Y-%m-%d %H:%M:%S} UTC" if self.acknowledged_at else ""
        return f"{self.acknowledged_by}{at}: {self.acknowledged_why}"

    @property
    def text(self) -> str:
        """The alarm in one line."""
        about = f"{self.code} {self.subject}" if self.subject else self.code
        return f"{about}: {self.message}"


def next_state(state: AlarmState, event: AlarmEvent) -> AlarmState:
    """Return the state that follows.

    Raises:
        ValueError: this cannot happen in this state, so the caller is wrong.
    """
    following = TRANSITIONS[state].get(event)
    if following is None:
        raise ValueError(f"an alarm that is {state.value} cannot be {event.value}")
    return following


@dataclass(frozen=True, slots=True)
class Wording:
    """What people read about a kind of alarm, in one language."""

    title: str
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class AlarmKind:
    """An entry of the catalogue.

    Attributes:
        escalate_after_min: without a person for so long it escalates; None if it may wait.
        ends_with_acknowledgement: it tells of something that happened, so nothing else can end it.
    """

    severity: Severity
    escalate_after_min: float | None
    zh: Wording
    en: Wording
    ends_with_acknowledgement: bool = False
    outlives_a_run: bool = False

    def wording(self, language: str) -> Wording:
        """Return the texts in "zh" or "en"."""
        return self.zh if language == "zh" else self.en


def alarm_word(alarms: Iterable[Alarm]) -> int:
    """Return active alarms as one 16-bit word for a PLC.

    Bit 0: any; bit 1: one that nobody took on; bit 2: a critical one; bit 3: an escalated one. The high
    byte counts them, up to 255.
    """
    active = [alarm for alarm in alarms if alarm.state is not AlarmState.CLEARED]
    untaken = any(alarm.state is not AlarmState.ACKNOWLEDGED for alarm in active)
    critical = any(kind_of(alarm.code).severity is Severity.CRITICAL for alarm in active)
    escalated = any(alarm.state is AlarmState.ESCALATED for alarm in active)
    bits = bool(active) | untaken << 1 | critical << 2 | escalated << 3
    return min(len(active), 255) << 8 | bits


def kind_of(code: str) -> AlarmKind:
    """Return the catalogue's entry of a code; a general one for a code of a newer software."""
    return CATALOGUE.get(code, _UNKNOWN)


_UNKNOWN = AlarmKind(
    Severity.WARNING,
    None,
    Wording("未知报警", "由其他版本的软件发出", "查阅该版本的说明"),
    Wording("unknown alarm", "raised by another version of the software", "see that version's manual"),
)

CATALOGUE: Mapping[str, AlarmKind] = {
    "instrument": AlarmKind(
        Severity.CRITICAL,
        10.0,
        Wording("光谱仪失联", "光谱仪被拔出、断电或报错", "检查插头与电源；工位会自动重新连接"),
        Wording(
            "spectrometer lost",
            "it was unplugged, has no power, or reported a fault; the station looks for it every 0.5 to 6 s",
            "check plug and power; its faults are explained in docs/instruments.md",
        ),
    ),
    "camera": AlarmKind(
        Severity.WARNING,
        30.0,
        Wording("相机失联", "相机不再给出新图像；试样仅测光谱，判为复检", "检查相机的线缆与地址"),
        Wording(
            "camera lost",
            "it gives no new frame; specimens are measured without a micrograph and get REFER",
            "check its cable and address",
        ),
    ),
    "optics": AlarmKind(
        Severity.WARNING,
        None,
        Wording(
            "镜头有污物",
            "多幅图像的同一位置总有遮挡：污物在镜头、窗口或传感器上，不在试样上",
            "清洁物镜与窗口；约 30 次检测后报警自行结束",
        ),
        Wording(
            "clean the optics",
            "something lies at the same place in every micrograph, on lens, window or sensor and not on the "
            "specimens; what it hides is filled",
            "clean lens and window; the alarm ends by itself within some 30 inspections",
        ),
    ),
    "changed": AlarmKind(
        Severity.WARNING,
        None,
        Wording("更换了光谱仪", "另一台光谱仪正在测量，它需要自己的白板参比", "为它测白板"),
        Wording(
            "another spectrometer",
            "another unit measures now; it ends when the first is back or the station starts again",
            "read the white tile for it",
        ),
    ),
    "reference": AlarmKind(
        Severity.WARNING,
        30.0,
        Wording("白板不可用", "放置的白板无法作为参比", "更正其证书后重新测白板"),
        Wording(
            "white tile refused",
            "the white tile that was laid there cannot serve",
            "correct its certificate; then `qc-daemon calibrate white`",
        ),
    ),
    "line": AlarmKind(
        Severity.WARNING,
        10.0,
        Wording("产线信号异常", "PLC 或扫码枪无应答，或其内容无法识读", "检查网络、PLC、扫码枪与标签"),
        Wording(
            "trouble on the line",
            "PLC or scanner does not answer, or announces what cannot be read; specimens without a roll "
            "or a label get REFER",
            "check network, PLC and scanner; look at `scanner.pattern` and `scanner.check_digit`",
        ),
    ),
    "missed": AlarmKind(
        Severity.WARNING,
        30.0,
        Wording("有试样漏检", "产线快于检测，或光谱仪当时失联", "降低速度或减少试样"),
        Wording(
            "specimens missed",
            "the line was faster than the inspections, or the spectrometer was gone; it ends with the next "
            "inspection before which nothing passed",
            "slow down, or take fewer specimens",
        ),
    ),
    "store": AlarmKind(
        Severity.CRITICAL,
        10.0,
        Wording(
            "存储无应答",
            "数据库被锁定或丢失时，测量暂存于日志；磁盘已满时，腾出空间前不再接收",
            "释放数据库或磁盘空间；无需重启",
        ),
        Wording(
            "store does not answer",
            "the database is locked or gone: measurements wait in the journal; or the disk is full: nothing "
            "is accepted until it has room",
            "free the database or the disk; no restart is needed",
        ),
    ),
    "disk": AlarmKind(
        Severity.CRITICAL,
        10.0,
        Wording("磁盘空间不足", "数据所在磁盘的剩余空间低于下限", "释放空间；查看 `qc-daemon retention`"),
        Wording(
            "disk nearly full",
            "less than 1 GB is free where the station keeps its data",
            "free some; see `qc-daemon retention --dry-run`",
        ),
    ),
    "report": AlarmKind(
        Severity.WARNING,
        60.0,
        Wording("证书未生成", "排版失败，稍后自动重试；结论已保存", "查看消息；检查模板与磁盘"),
        Wording(
            "certificate not written",
            "the layout engine failed; it is tried again and the conclusion is kept",
            "read the message; check template and disk",
        ),
    ),
    "template": AlarmKind(
        Severity.WARNING,
        None,
        Wording("模板不可用", "工厂的证书模板有误；沿用上一份正确模板", "更正所指的文件与行，然后重启工位"),
        Wording(
            "templates refused",
            "the factory's templates cannot be laid out; the last good ones stay in use",
            "correct the file and line, `qc-daemon check`, then restart",
        ),
    ),
    "undecided": AlarmKind(
        Severity.WARNING,
        60.0,
        Wording("无法得出结论", "无法从已保存的测量得出结论", "保留数据目录并报告"),
        Wording(
            "no conclusion",
            "no conclusion can be drawn from a stored acquisition",
            "keep the station folder; report it",
        ),
    ),
    "acquisition_quarantined": AlarmKind(
        Severity.WARNING,
        None,
        Wording("测量被隔离", "一次测量与已存数据矛盾或已损坏，已隔离保存", "查看原因并确认"),
        Wording(
            "acquisition in quarantine",
            "an acquisition is damaged or contradicts what is stored; it is kept aside with a reason",
            "read the reason in `v_events`, then acknowledge",
        ),
        ends_with_acknowledgement=True,
        outlives_a_run=True,
    ),
    "fsck": AlarmKind(
        Severity.CRITICAL,
        10.0,
        Wording("数据核对失败", "夜间核对发现承诺被破坏", "运行 `qc-daemon fsck`；保留数据目录"),
        Wording(
            "a promise is broken",
            "the nightly check found stored data that do not agree with one another or their hashes",
            "run `qc-daemon fsck`; keep the station folder and the last backup",
        ),
        outlives_a_run=True,
    ),
    "ledger": AlarmKind(
        Severity.CRITICAL,
        10.0,
        Wording(
            "记录被改动",
            "夜间核对账本发现数据被改动、删除或插入",
            "运行 `qc-daemon verify --ledger`；保留数据目录",
        ),
        Wording(
            "records were changed",
            "the nightly check of the ledger found something altered, removed or inserted",
            "run `qc-daemon verify --ledger`; keep the station folder and the last backup",
        ),
        outlives_a_run=True,
    ),
    "replay": AlarmKind(
        Severity.CRITICAL,
        60.0,
        Wording("重算结果不同", "夜间重算与所存结论不一致", "运行 `qc-daemon replay`；检查模型版本"),
        Wording(
            "a conclusion does not come out again",
            "a conclusion that was drawn again at night from stored bytes is not the stored one",
            "run `qc-daemon replay` on the inspection that it names; check models and software",
        ),
        outlives_a_run=True,
    ),
    "job": AlarmKind(
        Severity.WARNING,
        None,
        Wording("夜间任务失败", "备份、日报等夜间任务失败或未执行", "查看日志；手动执行该命令"),
        Wording(
            "nightly job failed",
            "a job of the night, such as backup or daily report, failed or was left out",
            "read the message; run the command by hand",
        ),
    ),
    "child": AlarmKind(
        Severity.WARNING,
        None,
        Wording("子进程重启", "操作页面等子进程终止或无响应，已重启", "若反复出现，请报告日志"),
        Wording(
            "a part was restarted",
            "a child process, such as the operators' page, died or hung and was started anew",
            "if it comes again and again, report the log",
        ),
    ),
    "config": AlarmKind(
        Severity.WARNING,
        None,
        Wording("配置文件有误", "重新加载的配置不正确；沿用上一份正确配置", "更正文件后再次加载"),
        Wording(
            "configuration refused",
            "the file that was to be loaded anew is wrong; the last good one stays in force",
            "correct the file, `qc-daemon check`, then reload again",
        ),
    ),
    "mqtt": AlarmKind(
        Severity.NOTICE,
        None,
        Wording("消息服务器失联", "MQTT 服务器无应答；结果在发件箱中排队", "检查网络与服务器"),
        Wording(
            "message broker away",
            "the MQTT broker does not answer; results wait in the outbox and go out in order later",
            "check network and broker",
        ),
    ),
    "plant": AlarmKind(
        Severity.NOTICE,
        None,
        Wording(
            "工厂数据库失联", "工厂数据库无应答；结果在发件箱中排队，生产线照常工作", "检查网络与工厂数据库"
        ),
        Wording(
            "plant away",
            "the plant's database does not answer; results wait in the outbox, the line works on",
            "check network and the plant's database",
        ),
    ),
}
