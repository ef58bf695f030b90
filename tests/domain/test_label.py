import pytest

from qc_daemon.domain.errors import LabelError
from qc_daemon.domain.label import parse_label


@pytest.mark.parametrize(
    "text",
    [
        "cotton 60 polyester 40",
        "60% cotton 40% polyester",
        "60 % Cotton, 40 % PET",
        "棉60% 涤纶40%",
        "60%棉40%聚酯纤维",
        "棉：60％、涤纶：40％",
        "cotton 60 / polyester 40",
    ],
)
def test_labels_in_both_languages_and_orders_are_read(text: str) -> None:
    label = parse_label(text)
    assert [(line.fibre, line.percent) for line in label.fibres] == [("cotton", 60), ("polyester", 40)]
    assert label.text == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("cotton 60 polyester 30", "sum to 90 %"),
        ("cotton 60 kryptonite 40", '"kryptonite" is not a known fibre'),
        ("cotton 50 cotton 50", "declared twice"),
        ("cotton", "expected fibre names with percentages"),
        ("", "expected fibre names with percentages"),
        ("60% 40%", "expected fibre names with percentages"),
    ],
)
def test_a_label_that_cannot_be_read_says_why(text: str, complaint: str) -> None:
    with pytest.raises(LabelError, match=complaint):
        parse_label(text)
