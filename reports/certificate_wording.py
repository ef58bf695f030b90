"""The words of a certificate: verdict, headings, notes and limits, in Chinese and English side by side."""

from collections.abc import Mapping

from qc_daemon.domain.verdict import Outcome
from reports.wording import Words

ADVICE: Mapping[Outcome, Words] = {
    Outcome.PASS: Words(
        "每种纤维的整个预测区间都在标签允差之内。",
        "The whole prediction interval of every fibre lies within the tolerance around the label.",
    ),
    Outcome.FAIL: Words(
        "至少一种纤维的整个预测区间都在标签允差之外，且另一种纤维反向偏离。",
        "The whole prediction interval of at least one fibre lies outside the tolerance around the label, "
        "and another fibre makes up for it.",
    ),
    Outcome.REFER: Words(
        "本次测量不足以判定，请送化学定量分析（GB/T 2910、ISO 1833）。",
        "This measurement cannot decide. Send the specimen to chemical analysis (ISO 1833, GB/T 2910).",
    ),
}
MEASURE_AGAIN = Words(
    "测量无效，请排除下列原因后重测；仍无法测量时送化学定量分析（GB/T 2910、ISO 1833）。",
    "The measurement is not usable. Remove the cause named below and measure again; if it stays, "
    "send the specimen to chemical analysis (ISO 1833, GB/T 2910).",
)
SIMULATED = Words(
    "模拟：由仿真仪器测量虚拟样品或重放记录，不是检验结果。",
    "SIMULATED: an emulated instrument showed virtual or recorded fabric. This is not a test result.",
)
ENTER_LABEL = Words(
    "没有标签成分，无法判定。请录入标签成分后重新判定。",
    "Without a declared label there is no verdict. Enter the label and inspect again.",
)

HEADINGS: Mapping[str, Words] = {
    "title": Words("纤维成分检验证书", "Fibre composition certificate"),
    "number": Words("编号", "No."),
    "page": Words("第 {page} 页，共 {pages} 页", "Page {page} of {pages}"),
    "shares": Words("纤维含量", "Fibre shares"),
    "fibre": Words("纤维", "Fibre"),
    "declared": Words("标签", "Label"),
    "measured": Words("测得", "Measured"),
    "interval": Words("{percent:.0f} % 预测区间", "{percent:.0f} % interval"),
    "allowed": Words("允差 / 百分点", "Allowed, pp"),
    "reasons": Words("判定理由", "Reasons"),
    "spectrum": Words("近红外光谱", "NIR spectrum"),
    "wavelength": Words("波长 / nm", "Wavelength / nm"),
    "absorbance": Words("吸光度", "Absorbance"),
    "micrograph": Words("显微图像", "Micrograph"),
    "defects": Words("疵点", "Defects"),
    "roll_map": Words("卷上的检验位置 / m", "Inspected on this roll / m"),
    "end": Words("证书结束", "End of certificate"),
    "customer": Words("委托方", "Customer"),
    "in_house": Words("企业内部（生产过程检验）", "in-house (production control)"),
    "limits": Words("本结果不涵盖", "What this result does not cover"),
    "record": Words(
        "本文件附有全部数据（certificate.json），可离线核对。",
        "All data are attached to this file as certificate.json and can be checked offline.",
    ),
}

NOT_IN_MODEL = Words("模型未含", "not in model")
SHARES_NOTE = Words(
    "质量百分比（{basis}）。主要纤维：{main}。新异度 {novelty:.2f}（上限 {limit:.2f}）。",
    "Percent by mass ({basis}). Main fibre: {main}. Novelty {novelty:.2f} (limit {limit:.2f}).",
)
CONVERTED = Words(
    "由{basis}换算；判定以换算后的含量为准。", "Converted from {basis}; these shares are what was judged."
)
LEFT_OUT = Words(
    "允许范围内的未标明纤维不计入，标明的纤维按其总和计。",
    "Undeclared fibres within their allowance are left out: declared ones are taken of their own sum.",
)
SHARES_KEY = Words(
    "横条：测得含量；细线：预测区间；浅色带：标签 ± 允差。",
    "Bar: measured share; line: prediction interval; pale band: label ± tolerance.",
)
NO_SHARES = Words(
    "没有推断成分：测量不可用，任何数字都将是臆造。",
    "No composition was inferred: the measurement is not usable, any figure would be invented.",
)
SPECTRUM_NOTE = Words(
    "柱越高、底色越深，模型越依据该波段。",
    "The taller the bar and the darker the window, the more the model relied on it.",
)
NO_SPECTRUM = Words("没有可用的白参考，无法计算吸光度。", "No absorbance without a usable white reference.")
DEBRIS_NOTE = Words(
    "原始图像；红线内为杂质，已用 {method} 填补，占视场 {percent:.1f} %。",
    "Image as taken; outlined in red: debris, filled by {method}, {percent:.1f} % of the field.",
)
UNCLEANED = Words(
    "若不填补：{shares}（最多相差 {most:.1f} 个百分点）。",
    "Had nothing been filled: {shares} (at most {most:.1f} pp apart).",
)
NO_DEBRIS_NOTE = Words("原始图像；未发现杂质，未作填补。", "Image as taken; no debris found, nothing filled.")
REGIONS_NOTE = Words("白色方框：对结果影响最大的区域。", "White squares: regions that move the answer most.")
NO_MICROGRAPH = Words("没有可用的显微图像。", "No usable micrograph.")
NO_MICROGRAPH_BUT_SHARES = Words(
    "没有可用的显微图像；成分仅由光谱得出。",
    "No usable micrograph; the shares rest on the spectrum alone.",
)
NO_DEFECTS = Words("未发现疵点。", "No defects found.")
MORE_DEFECTS = Words(
    "另有 {count} 处（{kinds}），全部列于附件记录。",
    "{count} more ({kinds}); the attached record lists each.",
)
DEFECTS_OF_KIND = Words("{kind} {count} 处", "{kind} {count}")
IMAGE_RETIRED = Words(
    "图像已于 {date} 按规则“{rule}”到期清除；SHA-256：{sha256}。",
    "Image retired on {date} by rule {rule}; SHA-256 {sha256}.",
)
NO_DEFECT_SEARCH = Words("没有可用的图像，未检查疵点。", "No usable image: defects were not looked for.")
DEFECT = Words(
    "{number}. {kind}，{severity}，{area:.3g} mm²，置信度 {confidence:.2f}",
    "{number}. {kind}, {severity}, {area:.3g} mm², confidence {confidence:.2f}",
)
LIMITS: tuple[Words, ...] = (
    Words(
        "结果只对本次测量的一点有效，不代表整卷或整批。",
        "The result holds for the measured spot only, not for the whole roll or lot.",
    ),
    Words(
        "批号、卷号和标签成分由委托方提供，本工位未核实。未经书面同意，不得部分复制本证书。",
        "Lot, roll and label are as given by the customer. This certificate may be reproduced only in full.",
    ),
    Words(
        "近红外光只到达表层；涂层、印花、染料和多层结构可能影响结果。",
        "NIR light reaches the surface only; coatings, prints, dyes and layers may change the result.",
    ),
    Words(
        "这是筛查方法，不能代替化学定量分析（GB/T 2910、ISO 1833）。",
        "This is a screening method; it does not replace chemical analysis (ISO 1833, GB/T 2910).",
    ),
)
MODEL_FIBRES = Words("模型只认识：{fibres}。", "The model knows only these fibres: {fibres}.")
