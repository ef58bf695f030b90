"""The register map between station and PLC: what stands where, and what the numbers mean.

The PLC is the server; all of it lies in its holding registers, 16 bits each, the high byte and the high
word first. docs/instruments.md has the map as a table.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from qc_daemon.domain.inspection import Conclusion
from qc_daemon.domain.line import NoVerdict, StationState
from qc_daemon.domain.reasons import BLOCKS_INFERENCE, ReasonCode
from qc_daemon.domain.verdict import Outcome

PLC_BLOCK = 0  # the PLC writes 0..13 ...
STATION_BLOCK = 20  # ... the station 20..29 ...
IDENTITY_BLOCK = 30  # ... and the PLC, if it knows them, lot and label in 30..69
STATION_WORDS = 10
_ROLL, _LOT, _LABEL = slice(6, 14), slice(30, 38), slice(38, 70)
ROLL_BYTES, LOT_BYTES, LABEL_BYTES = 16, 16, 64
MAX_SEQUENCE = 65535  # the next is 1: 0 means that nothing was announced yet


class VerdictCode(IntEnum):
    """What the PLC is told of a specimen."""

    NONE = 0
    PASS = 1
    FAIL = 2
    REFER = 3
    NO_VERDICT = 4


class FaultCode(IntEnum):
    """Why a specimen was referred or has no verdict; 0 if the measurement itself was sound."""

    NONE = 0
    SPECTROMETER = 1
    CAMERA = 2
    WHITE_REFERENCE = 3
    NOT_MEASURABLE = 4
    DATABASE = 5
    UNDECIDED = 6
    WARMING = 7


LINE_STATES = MappingProxyType({0: "stopped", 1: "running", 2: "on hold"})
STATE_CODES = MappingProxyType(
    {
        StationState.STOPPED: 0,
        StationState.STARTING: 1,
        StationState.RUNNING: 2,
        StationState.DEGRADED: 3,
    }
)
# Never renumbered: a PLC program knows them.
FIBRE_CODES = MappingProxyType(
    {
        "cotton": 1, "linen": 2, "nylon": 3, "polyester": 4, "viscose": 5,
        "wool": 6, "acrylic": 7, "acetate": 8, "silk": 9, "elastane": 10,
    }
)  # fmt: skip
OTHER_FIBRE = 99

_VERDICTS = {
    Outcome.PASS: VerdictCode.PASS,
    Outcome.FAIL: VerdictCode.FAIL,
    Outcome.REFER: VerdictCode.REFER,
}
_REFUSALS = {
    NoVerdict.SPECTROMETER: FaultCode.SPECTROMETER,
    NoVerdict.STORE: FaultCode.DATABASE,
    NoVerdict.UNDECIDED: FaultCode.UNDECIDED,
}
_REFERENCE_REASONS = {
    ReasonCode.NO_REFERENCE,
    ReasonCode.REFERENCE_EXPIRED,
    ReasonCode.REFERENCE_OTHER_INSTRUMENT,
    ReasonCode.REFERENCE_OTHER_SETTING,
}
_CAMERA_REASONS = {
    ReasonCode.IMAGE_MISSING,
    ReasonCode.FRAME_STALE,
    ReasonCode.FRAME_FROZEN,
    ReasonCode.FRAME_UNIFORM,
    ReasonCode.UNFOCUSED,
    ReasonCode.UNDEREXPOSED,
    ReasonCode.OVEREXPOSED,
    ReasonCode.CLIPPED,
    ReasonCode.FLAT_FIELD_UNFIT,
}


@dataclass(frozen=True, slots=True)
class PlcReading:
    """What one read of the registers said.

    Attributes:
        position_mm: along the roll.
        answer: what the station answered last, as the PLC still has it.
        session: the station's mark of this run of the PLC; 0 after the PLC lost its memory.
        roll: None if its bytes are not ASCII text.
        lot: None if unreadable; empty if the PLC does not know it.
        label: None if unreadable; empty if the PLC does not know it.
    """

    heartbeat: int
    line_state: int
    sequence: int
    position_mm: int
    answer: "Answer"
    session: int
    roll: str | None
    lot: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the PLC is told of one specimen: registers 22 to 27.

    Attributes:
        fibre: code of the main fibre; 0 if nothing was inferred or it is unknown to the model.
        tenth_percent: share of the main fibre, percent x 10.
        half_width_tenth_pp: half the interval of that share, percentage points x 10.
    """

    sequence: int
    verdict: int
    fault: int
    fibre: int = 0
    tenth_percent: int = 0
    half_width_tenth_pp: int = 0


NO_ANSWER = Answer(0, VerdictCode.NONE, FaultCode.NONE)


def words_to_read(lot_and_label: bool) -> int:
    """Return how many registers from 0 on one read takes."""
    return IDENTITY_BLOCK + (LOT_BYTES + LABEL_BYTES) // 2 if lot_and_label else STATION_BLOCK + STATION_WORDS


def decode_reading(words: Sequence[int]) -> PlcReading:
    """Return what registers 0 to 28, or 0 to 69, say."""
    return PlcReading(
        heartbeat=words[0],
        line_state=words[1],
        sequence=words[2],
        position_mm=words[3] << 16 | words[4],
        answer=_decode_answer(words[22:28]),
        session=words[28],
        roll=_text(words[_ROLL], "ascii"),
        lot=_text(words[_LOT], "utf-8"),
        label=_text(words[_LABEL], "utf-8"),
    )


def encode_text(text: str, size_bytes: int) -> list[int]:
    """Return a text as registers, filled up with NUL; what does not fit is cut."""
    raw = text.encode()[:size_bytes].ljust(size_bytes, b"\0")
    return list(struct.unpack(f">{size_bytes // 2}H", raw))


def encode_station(
    heartbeat: int, state: StationState, answer: Answer, session: int, alarm_word: int
) -> list[int]:
    """Return registers 20 to 29; `qc_daemon.domain.alarms.alarm_word` says what the last one means."""
    return [
        heartbeat,
        STATE_CODES[state],
        answer.sequence,
        answer.verdict,
        answer.fibre,
        answer.tenth_percent,
        answer.half_width_tenth_pp,
        answer.fault,
        session,
        alarm_word,
    ]


def answer_of(sequence: int, conclusion: Conclusion) -> Answer:
    """Return what the PLC is told of a conclusion."""
    verdict = conclusion.verdict
    codes = {reason.code for reason in verdict.reasons}
    outcome, fault = _VERDICTS[verdict.outcome], _fault_of(codes)
    composition = conclusion.composition
    main = None if composition is None else composition.share_of(composition.main_fibre)
    if main is None:
        return Answer(sequence, outcome, fault)
    fibre = FIBRE_CODES.get(main.fibre, OTHER_FIBRE)
    return Answer(sequence, outcome, fault, fibre, round(10 * main.percent), round(5 * (main.hi - main.lo)))


def refusal(sequence: int, why: NoVerdict) -> Answer:
    """Return what the PLC is told of a specimen without a verdict."""
    return Answer(sequence, VerdictCode.NO_VERDICT, _REFUSALS[why])


def _decode_answer(words: Sequence[int]) -> Answer:
    sequence, verdict, fibre, tenth_percent, half_width, fault = words
    return Answer(sequence, verdict, fault, fibre, tenth_percent, half_width)


def _fault_of(codes: set[ReasonCode]) -> FaultCode:
    if codes & _REFERENCE_REASONS:
        return FaultCode.WHITE_REFERENCE
    if codes & BLOCKS_INFERENCE:
        return FaultCode.NOT_MEASURABLE
    if ReasonCode.SPECTROMETER_WARMING in codes:
        return FaultCode.WARMING
    return FaultCode.CAMERA if codes & _CAMERA_REASONS else FaultCode.NONE


def _text(words: Sequence[int], encoding: str) -> str | None:
    """Return the text of registers up to the first NUL; None if it is not one."""
    raw = struct.pack(f">{len(words)}H", *words).partition(b"\0")[0]
    try:
        text = raw.decode(encoding).strip()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None
