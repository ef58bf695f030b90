"""The words of the report of a day, in Chinese and English side by side."""

from collections.abc import Mapping

from reports import lot_wording
from reports.wording import Words

HEADINGS: Mapping[str, Words] = {
    "title": Words("日报", "Daily report"),
    "number": Words("日期（UTC）", "Day (UTC)"),
    "page": lot_wording.HEADINGS["page"],
    "record": lot_wording.HEADINGS["record"],
    "verdicts": Words("检验结果", "Inspections and verdicts"),
    "lot": Words("批号", "Lot"),
    "inspected": Words("检验数", "Inspected"),
    "pass": Words("合格", "PASS"),
    "fail": Words("不合格", "FAIL"),
    "refer": Words("送检", "REFER"),
    "undecided": Words("未判定", "UNDECIDED"),
    "defects": Words("疵点（按类别）", "Defects by class"),
    "kind": Words("类别", "Class"),
    "severity": Words("程度", "Severity"),
    "count": Words("数量", "Defects"),
    "in_inspections": Words("涉及检验数", "In inspections"),
    "instruments": Words("仪器可用率", "Availability of instruments"),
    "instrument": Words("仪器", "Instrument"),
    "available": Words("可用率 / %", "Available / %"),
    "hours": Words("可用 / 记录时间 h", "Available / recorded h"),
    "lost": Words("丢失次数", "Times lost"),
    "charts": Words("参考与漂移控制图", "Reference and drift charts"),
    "p_chart": Words("不合格率控制图（每小时）", "Share of FAIL by the hour (p-chart)"),
    "alarms": Words("报警", "Alarms"),
    "raised": Words("发生", "Raised"),
    "cleared": Words("解除", "Cleared"),
    "what": Words("内容", "What"),
    "end": lot_wording.HEADINGS["end"],
}

NOTHING_INSPECTED = Words("当日没有检验。", "Nothing was inspected on this day.")
NO_DEFECTS_TODAY = Words("当日未发现疵点。", "No defects were found on this day.")
NO_STATES = Words("没有仪器状态记录。", "No states of instruments are on record.")
NO_CHARTS = Words(
    "没有足够的检查可作控制图（每点至少 2 次）。",
    "There are too few checks for a chart (at least 2 of a position).",
)
NO_ALARMS = Words("当日没有报警。", "No alarm was raised on this day.")
P_CHART_NOTE = Words(
    "点：每小时不合格数除以该小时检验数；线：全日平均与 3σ 限。"
    "检验少于 20 次、没有不合格，或每小时检验太少而不可能超限时，不画图。",
    "Points: FAIL over inspected of an hour; lines: mean of the day and 3 sigma limits. "
    "Not drawn with fewer than 20 inspections, without a FAIL, or with too few an hour to break a limit.",
)
CHART_NAME = {
    "tile": Words(
        "灰板 {standard}，{position:g} nm，反射率偏差 %",
        "Grey tile {standard}, {position:g} nm: reflectance off by, %",
    ),
    "wavelength": Words(
        "波长标准 {standard}，{position:g} nm，偏差 nm",
        "Wavelength standard {standard}, {position:g} nm: off by, nm",
    ),
}
CHART_NOTE = Words(
    "点：单次检查（X 图）；线：EWMA（λ = {weight:g}）；虚线：中心 ± 3σ，由前 {runs} 次检查得出。",
    "Points: single checks (X chart); line: EWMA (λ = {weight:g}); dashed: centre ± 3 sigma of the first "
    "{runs} checks.",
)
CHART_NO_LIMITS = Words(
    "前 {runs} 次受控检查之后才有控制限。", "Limits come after the first {runs} checks in control."
)
CPK = Words("Cpk {cpk:.2f}（限 ±{limit:g}）", "Cpk {cpk:.2f} (limits ±{limit:g})")
NO_CPK = Words("不给出 Cpk：{why}", "No Cpk: {why}")
TOO_FEW_FOR_CPK = Words("受控检查少于 {runs} 次", "fewer than {runs} checks in control")
NOT_STABLE = Words("最近一次检查失控，过程不稳定", "the newest check is out of control")
REFERENCES = Words("当日新取白参考 {count} 次。", "{count} white references were taken on this day.")
STILL_ACTIVE = Words("未解除", "active")
