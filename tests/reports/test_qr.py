import hashlib

import cv2
import numpy as np
import pytest
import typst

from qc_daemon.domain.ledger import LedgerHead
from qc_daemon.domain.surroundings import Surroundings
from reports.content import certificate_content
from reports.golden import golden_inspection

PAGE = "#set page(width: auto, height: auto, margin: 8mm)\n#image(bytes(sys.inputs.qr), width: 17mm)"


@pytest.mark.parametrize("entry", range(6))
def test_a_scanner_reads_number_and_head_of_the_ledger(entry):
    digest = hashlib.sha256(bytes([entry])).hexdigest()
    acquisition, conclusion, _ = golden_inspection()
    around = Surroundings(ledger=LedgerHead(7_001_234, digest))
    content = certificate_content(1_000_042, acquisition, conclusion, "Line 3", around)
    png = typst.compile(PAGE.encode(), format="png", ppi=300, sys_inputs={"qr": content.qr})
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    read, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert read == content.qr_text == f"QC 1000042 LEDGER 7001234 {digest.upper()}"
