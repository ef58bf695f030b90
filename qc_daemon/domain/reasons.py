"""Why a measurement or a verdict is what it is: codes with figures, worded elsewhere in zh and en."""

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """One code per thing that can be said; `reports/reason_wording.py` has the sentences."""

    # the scan cannot be used
    SATURATED = "saturated"
    NO_SPECIMEN = "no_specimen"
    LOW_SIGNAL = "low_signal"
    TOO_FEW_BANDS = "too_few_bands"
    # the white reference cannot be used
    NO_REFERENCE = "no_reference"
    REFERENCE_EXPIRED = "reference_expired"
    REFERENCE_OTHER_INSTRUMENT = "reference_other_instrument"
    REFERENCE_OTHER_SETTING = "reference_other_setting"
    # the white reference should be taken anew
    REFERENCE_AGEING = "reference_ageing"
    REFERENCE_TEMPERATURE = "reference_temperature"
    REFERENCE_LAMP = "reference_lamp"
    REFERENCE_GAIN = "reference_gain"
    REFERENCE_RECONNECTED = "reference_reconnected"
    # the times on record may be wrong
    CLOCKS_DISAGREE = "clocks_disagree"
    # the spectrometer cannot be trusted
    SPECTROMETER_WARMING = "spectrometer_warming"
    TILE_OUT_OF_CONTROL = "tile_out_of_control"
    WAVELENGTH_OUT_OF_CONTROL = "wavelength_out_of_control"
    TRANSFER_OTHER_INSTRUMENT = "transfer_other_instrument"
    # the micrograph cannot be used
    IMAGE_MISSING = "image_missing"
    FRAME_STALE = "frame_stale"
    FRAME_FROZEN = "frame_frozen"
    FRAME_UNIFORM = "frame_uniform"
    UNFOCUSED = "unfocused"
    UNDEREXPOSED = "underexposed"
    OVEREXPOSED = "overexposed"
    CLIPPED = "clipped"
    FLAT_FIELD_UNFIT = "flat_field_unfit"
    TOO_MUCH_DEBRIS = "too_much_debris"
    # the model's answer
    NOVEL = "novel"
    FIBRE_OUTSIDE_MODEL = "fibre_outside_model"
    # the range that the model was trained on
    BLEND_OUTSIDE_MODEL = "blend_outside_model"
    TOO_FEW_LEARNT = "too_few_learnt"
    SHARE_OUTSIDE_MODEL = "share_outside_model"
    INSTRUMENT_OUTSIDE_MODEL = "instrument_outside_model"
    WAVELENGTHS_OUTSIDE_MODEL = "wavelengths_outside_model"
    # the judgement
    NO_LABEL = "no_label"
    WITHIN_TOLERANCE = "within_tolerance"
    OUTSIDE_TOLERANCE = "outside_tolerance"
    UNDECIDED_WITHIN_UNCERTAINTY = "undecided_within_uncertainty"
    UNDECLARED_FIBRE = "undeclared_fibre"
    ONE_SIDED = "one_sided"
    UNDECLARED_TOTAL = "undeclared_total"
    DECLARED_ABSENT = "declared_absent"
    DECLARED_UNSEEN = "declared_unseen"
    BASIS_UNKNOWN = "basis_unknown"
    REGAIN_UNKNOWN = "regain_unknown"
    # the judgement of a roll or a lot
    TOO_FEW_SPECIMENS = "too_few_specimens"
    TOO_FEW_ROLLS = "too_few_rolls"
    LABELS_DIFFER = "labels_differ"
    SPECIMENS_FAILED = "specimens_failed"


# With one of these there is no spectrum to infer from: the result would be invented.
BLOCKS_INFERENCE = frozenset(
    {
        ReasonCode.SATURATED,
        ReasonCode.NO_SPECIMEN,
        ReasonCode.LOW_SIGNAL,
        ReasonCode.TOO_FEW_BANDS,
        ReasonCode.NO_REFERENCE,
        ReasonCode.REFERENCE_EXPIRED,
        ReasonCode.REFERENCE_OTHER_INSTRUMENT,
        ReasonCode.REFERENCE_OTHER_SETTING,
        ReasonCode.TRANSFER_OTHER_INSTRUMENT,
    }
)
# These are said, but decide nothing: the measurement stands.
REMARKS = frozenset(
    {
        ReasonCode.REFERENCE_AGEING,
        ReasonCode.REFERENCE_TEMPERATURE,
        ReasonCode.REFERENCE_LAMP,
        ReasonCode.REFERENCE_GAIN,
        ReasonCode.REFERENCE_RECONNECTED,
        ReasonCode.CLOCKS_DISAGREE,
    }
)
# The judgement itself says these; all others are findings that it was given.
JUDGEMENTS = frozenset(
    {
        ReasonCode.NO_LABEL,
        ReasonCode.NOVEL,
        ReasonCode.FIBRE_OUTSIDE_MODEL,
        ReasonCode.WITHIN_TOLERANCE,
        ReasonCode.OUTSIDE_TOLERANCE,
        ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY,
        ReasonCode.UNDECLARED_FIBRE,
        ReasonCode.ONE_SIDED,
        ReasonCode.UNDECLARED_TOTAL,
        ReasonCode.DECLARED_ABSENT,
        ReasonCode.DECLARED_UNSEEN,
        ReasonCode.BASIS_UNKNOWN,
        ReasonCode.REGAIN_UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """A code, what it is about, and the figure that decided with its limit (unit: see the wording)."""

    code: ReasonCode
    subject: str = ""
    value: float | None = None
    limit: float | None = None

    @property
    def blocks_inference(self) -> bool:
        """Tell whether nothing may be inferred from the scan."""
        return self.code in BLOCKS_INFERENCE

    @property
    def is_remark(self) -> bool:
        """Tell whether this is only to be known, and decides nothing."""
        return self.code in REMARKS
