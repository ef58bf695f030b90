"""The words of the report of a lot, in Chinese and English side by side."""

from collections.abc import Mapping

from qc_daemon.domain.verdict import Outcome
from reports.wording import Words

HEADINGS: Mapping[str, Words] = {
    "title": Words("批次检验报告", "Lot report"),
    "number": Words("批号", "Lot"),
    "page": Words("第 {page} 页，共 {pages} 页", "Page {page} of {pages}"),
    "record": Words(
        "本文件附有全部数据（report.json）。", "All data are attached to this file as report.json."
    ),
    "shares": Words("批平均纤维含量", "Mean fibre shares of the lot"),
    "fibre": Words("纤维", "Fibre"),
    "declared": Words("标签", "Label"),
    "measured": Words("平均", "Mean"),
    "interval": Words("{percent:.0f} % 区间", "{percent:.0f} % interval"),
    "spread": Words("卷间标准差", "SD between rolls"),
    "allowed": Words("允差 / 百分点", "Allowed, pp"),
    "reasons": Words("判定理由", "Reasons"),
    "rolls": Words("各卷", "Rolls"),
    "roll": Words("卷号", "Roll"),
    "specimens": Words("样品数（可用）", "Specimens (usable)"),
    "verdict": Words("判定", "Verdict"),
    "means": Words("平均含量 / %", "Mean shares / %"),
    "places": Words("检验位置 / m", "Inspected places / m"),
    "inspections": Words("各次检验", "Inspections"),
    "inspection": Words("编号", "No."),
    "specimen": Words("样品号", "Specimen"),
    "position": Words("位置 / m", "Position / m"),
    "found": Words("测得含量 / %", "Measured shares / %"),
    "limits": Words("本结果不涵盖", "What this result does not cover"),
    "end": Words("报告结束", "End of report"),
}

ADVICE: Mapping[Outcome, Words] = {
    Outcome.PASS: Words(
        "批平均值的整个区间在标签允差之内，且没有样品不合格。",
        "The whole interval of every mean lies within the tolerance around the "
        "label, and no specimen failed.",
    ),
    Outcome.FAIL: Words(
        "批平均值的整个区间在标签允差之外。",
        "The whole interval of a mean lies outside the tolerance around the label.",
    ),
    Outcome.REFER: Words(
        "现有检验不足以判定整批；原因见下。可补测样品，或送化学定量分析（GB/T 2910、ISO 1833）。",
        "The inspections cannot decide about the lot; the reasons are named below. Measure more specimens, "
        "or send some to chemical analysis (ISO 1833, GB/T 2910).",
    ),
}
LIMITS: tuple[Words, ...] = (
    Words(
        "结果只对所检各点的平均有效；未检验的卷不在其内。",
        "The result holds for the mean of the inspected spots, not for rolls that were not inspected.",
    ),
    Words(
        "区间由模型的不确定度和样品间（卷间）差异合成；多测样品不能减小模型的系统误差。",
        "Intervals combine what the model may err and how specimens (rolls) differ; "
        "more specimens do not reduce an error that the model makes alike on all.",
    ),
    Words(
        "这是筛查方法，不能代替化学定量分析（GB/T 2910、ISO 1833）。",
        "This is a screening method; it does not replace chemical analysis (ISO 1833, GB/T 2910).",
    ),
)
FACTS: Mapping[str, Words] = {
    "rolls": Words("卷数（可用）", "Rolls (usable)"),
    "specimens": Words("样品数（可用）", "Specimens (usable)"),
    "label": Words("标签成分", "Declared label"),
    "period": Words("检验时间", "Inspected"),
    "rule": Words("判定规则", "Rule"),
    "plan": Words("抽样方案", "Sampling plan"),
    "basis": Words("质量基准", "Mass basis"),
    "station": Words("工位", "Station"),
}
PLAN = Words(
    "每卷 {specimens} 个样品，每批 {rolls} 卷", "{specimens} specimens per roll, {rolls} rolls per lot"
)
UNDECIDED_LEFT = Words("另有 {count} 次检验未判定，未计入。", "UNDECIDED and left out: {count} inspections.")
NO_MEANS = Words("可用样品不足，没有批平均值。", "There are too few usable specimens for a mean of the lot.")
SIMULATED_PART = Words(
    "模拟：报告中有 {count} 次检验来自仿真仪器，不是检验结果。",
    "SIMULATED: emulated instruments made {count} of these inspections. They are no test results.",
)
