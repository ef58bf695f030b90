import io

import numpy as np

from qc_daemon.domain.composition import Evidence
from storage.conclusion_contents import evidence_from_npz


def test_evidence_that_was_kept_before_regions_had_a_size_reads_as_regions_of_32_um() -> None:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        region_scores=np.full((2, 2), 0.5, np.float32),
        region_kept=np.eye(2, dtype=bool),
        window_edges_nm=np.array([900.0, 1300.0, 1700.0]),
        window_weights=np.array([0.25, 0.75], np.float32),
    )
    evidence = evidence_from_npz(buffer.getvalue())
    assert isinstance(evidence, Evidence)
    assert evidence.region_um == 32.0
    np.testing.assert_array_equal(evidence.region_kept, np.eye(2, dtype=bool))
