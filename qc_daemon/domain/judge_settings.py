"""What a conclusion was drawn by beside its models and its rule: the limits, and what computed.

It is kept as text, so that a conclusion can be drawn again by the same settings years later.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from qc_daemon.domain.errors import IntegrityError
from qc_daemon.domain.quality import FrameLimits, ScanLimits
from qc_daemon.domain.reference_validity import ReferenceLimits


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """Settings of the judges.

    Attributes:
        runtime: what computed the networks, such as "onnx 1.27.0"; equal runtimes answer bit for bit alike.
    """

    scan_limits: ScanLimits
    reference_limits: ReferenceLimits
    frame_limits: FrameLimits
    runtime: str

    def text(self) -> str:
        """Return these settings as JSON of one form: equal settings give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def judge_settings(text: str) -> JudgeSettings:
    """Return the settings that `JudgeSettings.text` wrote; a key that came later has its default.

    Raises:
        IntegrityError: it is none, or has keys that this software does not know.
    """
    try:
        fields: dict[str, Any] = json.loads(text)
        return JudgeSettings(
            scan_limits=ScanLimits(**fields.pop("scan_limits")),
            reference_limits=ReferenceLimits(**fields.pop("reference_limits")),
            frame_limits=FrameLimits(**fields.pop("frame_limits")),
            **fields,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(f"settings of a conclusion cannot be read: {error}") from error
