"""Which tables the ledger covers, in the order in which their rows get their entries.

A row of a covered table gets its entry in the transaction that adds it, without a call: a table is
covered by its line here. Its key is one whole number. A table that came with a later revision than
the ledger is covered from its first row.
"""

from collections.abc import Mapping

from storage.ledger_content import Covered

_CONCLUSION_PARTS = ("fibre_shares", "reasons", "defects", "conclusion_models", "uncleaned_shares")

COVERED: Mapping[str, Covered] = {
    "instruments": Covered("instrument", key="id", subject="serial"),
    "models": Covered("model", key="id", subject="name"),
    "white_references": Covered(
        "reference", key="sequence", subject="id", blobs=("scan_sha256", "tile_reflectance_sha256")
    ),
    "calibration_scans": Covered("scan", key="sequence", subject="id", blobs=("scan_sha256",)),
    "check_runs": Covered(
        "check",
        key="scan_sequence",
        subject="standard_id",
        parts={"check_values": ("scan_sequence", "position")},
    ),
    "control_resets": Covered("control_reset", key="sequence", subject="serial", actor="who"),
    "reconnections": Covered("reconnection", key="sequence", subject="serial"),
    "acquisitions": Covered(
        "acquisition",
        key="number",
        subject="id",
        parts={"declared_fibres": ("acquisition_number", "position")},
        blobs=("scan_sha256", "image_sha256"),
    ),
    "corrections": Covered(
        "correction",
        key="sequence",
        subject="field",
        actor="who",
        parts={"corrected_fibres": ("correction_sequence", "position")},
    ),
    "judge_settings": Covered("judge_settings", key="sequence", subject="sha256"),
    "conclusions": Covered(
        "conclusion",
        key="sequence",
        subject="id",
        parts=dict.fromkeys(_CONCLUSION_PARTS, ("conclusion_sequence", "position"))
        | {"conclusion_grounds": ("conclusion_sequence",)},
        blobs=("evidence_sha256", "mask_sha256", "fill_sha256"),
    ),
    "reports": Covered("report", key="sequence", subject="path", is_file=True),
    "period_reports": Covered("report", key="sequence", subject="path", is_file=True),
    "model_activations": Covered("model_activation", key="sequence", subject="name"),
    "station_events": Covered("event", key="sequence", subject="code"),
    "alarm_transitions": Covered("alarm", key="sequence", subject="code", actor="who"),
    "lab_results": Covered(
        "lab_result",
        key="sequence",
        subject="specimen",
        actor="imported_by",
        parts={"lab_shares": ("result_sequence", "position")},
    ),
    "users": Covered("user", key="id", subject="name", changes=True),
    "api_tokens": Covered("api_token", key="sequence", subject="name", changes=True),
    "signatures": Covered("signature", key="sequence", subject="meaning", actor="who"),
    "roll_orders": Covered("roll_order", key="sequence", subject="order_id", actor="ordered_by"),
    "lot_holds": Covered("hold", key="sequence", subject="lot", actor="who"),
    "retired_contents": Covered("retention", key="sequence", subject="sha256"),
}
