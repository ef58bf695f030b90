"""The section [retention]: how long and how much evidence is kept."""

from pydantic import BaseModel, ConfigDict, Field

from qc_daemon.domain.retention import EvidenceKind, RetentionRule


class RetentionSection(BaseModel):
    """Age and budget of each class of evidence; what has neither is kept for ever.

    Results, hashes and the ledger are never deleted, nor are white references and calibration scans.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    raw_days: float | None = Field(
        None, gt=0, description="Scans older than this go, days; kept for ever if not given."
    )
    raw_gb: float | None = Field(
        None, gt=0, description="Scans beyond this go, the oldest first, GB; without limit if not given."
    )
    image_days: float | None = Field(
        None, gt=0, description="Micrographs with their masks and fills: the same in days."
    )
    image_gb: float | None = Field(None, gt=0, description="Micrographs: the same in GB.")
    report_days: float | None = Field(None, gt=0, description="Certificates: the same in days.")
    report_gb: float | None = Field(None, gt=0, description="Certificates: the same in GB.")

    @property
    def rules(self) -> dict[EvidenceKind, RetentionRule]:
        """The rule of each class."""
        return {
            EvidenceKind.RAW: RetentionRule(self.raw_days, self.raw_gb),
            EvidenceKind.IMAGE: RetentionRule(self.image_days, self.image_gb),
            EvidenceKind.REPORT: RetentionRule(self.report_days, self.report_gb),
        }
