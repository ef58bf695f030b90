"""Every word of a certificate, in Chinese and English side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from qc_daemon.domain.composition import UNKNOWN
from qc_daemon.domain.reasons import Reason, ReasonCode
from qc_daemon.domain.verdict import Outcome

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages; braces are fields of `str.format`."""

    zh: str
    en: str

    def of(self, language: Language) -> str:
        """Return the text in `language`."""
        return self.zh if language == "zh" else self.en


OUTCOMES: Mapping[Outcome, Words] = {
    Outcome.PASS: Words("合格", "PASS"),
    Outcome.FAIL: Words("不合格", "FAIL"),
    Outcome.REFER: Words("送检", "REFER"),
}

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

_NO_FIGURES = Words("", "")
_MEDIAN = Words(
    "吸光度中位数 {value:.2f}，上限 {limit:.2f}",
    "median absorbance {value:.2f}, limit {limit:.2f}",
)
_DEVIATION = Words(
    "偏差 {value:+.1f} 个百分点，允差 ±{limit:.1f}",
    "deviation {value:+.1f} pp, allowed ±{limit:.1f} pp",
)

# What is said, and the figures that follow when the reason carries them. The value and the limit
# are in the unit that the sentence names.
_REASONS: Mapping[ReasonCode, tuple[Words, Words]] = {
    ReasonCode.SATURATED: (
        Words("探测器饱和", "The detector is saturated"),
        Words(
            "峰值为满量程的 {value:.1f} %，上限 {limit:.1f} %",
            "peak at {value:.1f} % of full scale, limit {limit:.1f} %",
        ),
    ),
    ReasonCode.NO_SPECIMEN: (
        Words("测量窗口前没有样品", "There is no specimen in front of the window"),
        _MEDIAN,
    ),
    ReasonCode.LOW_SIGNAL: (
        Words("反射信号过弱", "Too little light comes back"),
        _MEDIAN,
    ),
    ReasonCode.TOO_FEW_BANDS: (
        Words("有效波段过少", "Too few bands carry a signal"),
        Words(
            "有效 {value:.1f} %，下限 {limit:.1f} %", "{value:.1f} % valid, at least {limit:.1f} % expected"
        ),
    ),
    ReasonCode.NO_REFERENCE: (
        Words("无有效参考：没有白参考", "Unreferenced: there is no white reference"),
        _NO_FIGURES,
    ),
    ReasonCode.REFERENCE_EXPIRED: (
        Words("无有效参考：白参考已过期", "Unreferenced: the white reference has expired"),
        Words("已过 {value:.0f} 分钟，上限 {limit:.0f} 分钟", "{value:.0f} min old, limit {limit:.0f} min"),
    ),
    ReasonCode.REFERENCE_OTHER_INSTRUMENT: (
        Words(
            "白参考来自另一台仪器（{subject}）", "The white reference is of another instrument ({subject})"
        ),
        _NO_FIGURES,
    ),
    ReasonCode.REFERENCE_OTHER_SETTING: (
        Words(
            "白参考的测量设置或波长轴不同（{subject}）",
            "The white reference was taken with other settings or on another wavelength axis ({subject})",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.REFERENCE_AGEING: (
        Words("备注：应重新测量白参考", "Remark: the white reference is due"),
        Words(
            "已过 {value:.0f} 分钟，期限 {limit:.0f} 分钟",
            "{value:.0f} min old, due at {limit:.0f} min",
        ),
    ),
    ReasonCode.REFERENCE_TEMPERATURE: (
        Words(
            "备注：白参考之后仪器温度有变化",
            "Remark: the temperature of the spectrometer has changed since the white reference",
        ),
        Words("{value:+.1f} °C，限值 {limit:.1f} °C", "{value:+.1f} °C, limit {limit:.1f} °C"),
    ),
    ReasonCode.REFERENCE_LAMP: (
        Words("备注：白参考之后灯的亮度有变化", "Remark: the lamp has changed since the white reference"),
        Words("{value:+.1f} %，限值 {limit:.1f} %", "{value:+.1f} %, limit {limit:.1f} %"),
    ),
    ReasonCode.REFERENCE_GAIN: (
        Words(
            "备注：白参考以另一增益测得（{subject}）",
            "Remark: the white reference was taken with another gain ({subject})",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.REFERENCE_RECONNECTED: (
        Words(
            "备注：白参考之后光谱仪曾断开并重新连接",
            "Remark: the spectrometer was lost and found again since the white reference",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.CLOCKS_DISAGREE: (
        Words(
            "备注：工作站与光谱仪的时钟不一致",
            "Remark: the clocks of station and spectrometer disagree",
        ),
        Words("相差 {value:+.0f} 秒，限值 {limit:.0f} 秒", "by {value:+.0f} s, limit {limit:.0f} s"),
    ),
    ReasonCode.TILE_OUT_OF_CONTROL: (
        Words(
            "光谱仪失控：灰板检查（{subject}）",
            "The spectrometer is out of control: check of the grey tile ({subject})",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.WAVELENGTH_OUT_OF_CONTROL: (
        Words(
            "光谱仪失控：波长检查（{subject}）",
            "The spectrometer is out of control: check of the wavelengths ({subject})",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.TRANSFER_OTHER_INSTRUMENT: (
        Words(
            "配置的仪器转移属于另一台仪器（{subject}）",
            "The configured transfer is of another spectrometer ({subject})",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.IMAGE_MISSING: (
        Words("相机没有给出图像", "The camera delivered no image"),
        _NO_FIGURES,
    ),
    ReasonCode.FRAME_STALE: (
        Words("图像不是本次触发时拍摄的", "The image was not taken at the time of the trigger"),
        Words("相差 {value:.1f} s，上限 {limit:.1f} s", "{value:.1f} s apart, limit {limit:.1f} s"),
    ),
    ReasonCode.FRAME_FROZEN: (
        Words("相机画面冻结", "The camera is frozen"),
        Words(
            "连续重复 {value:.0f} 次，上限 {limit:.0f} 次",
            "{value:.0f} identical frames in a row, limit {limit:.0f}",
        ),
    ),
    ReasonCode.FRAME_UNIFORM: (
        Words("图像没有内容", "The image shows nothing"),
        Words(
            "灰度标准差 {value:.1f}，下限 {limit:.1f}",
            "grey levels vary by {value:.1f}, at least {limit:.1f} expected",
        ),
    ),
    ReasonCode.UNFOCUSED: (
        Words("图像未对焦", "The image is out of focus"),
        Words(
            "清晰度 {value:.1e}，下限 {limit:.1e}", "focus measure {value:.1e}, at least {limit:.1e} expected"
        ),
    ),
    ReasonCode.UNDEREXPOSED: (
        Words("图像过暗", "The image is too dark"),
        Words(
            "平均灰度 {value:.0f}，下限 {limit:.0f}", "mean grey {value:.0f}, at least {limit:.0f} expected"
        ),
    ),
    ReasonCode.OVEREXPOSED: (
        Words("图像过亮", "The image is too bright"),
        Words("平均灰度 {value:.0f}，上限 {limit:.0f}", "mean grey {value:.0f}, limit {limit:.0f}"),
    ),
    ReasonCode.FLAT_FIELD_UNFIT: (
        Words(
            "平场校正图与图像不符（{subject}），请重新采集",
            "The flat field does not fit the image ({subject}); take it anew",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.CLIPPED: (
        Words("图像有过多像素全黑或全白", "Too many pixels of the image are black or white"),
        Words(
            "截断像素 {value:.1f} %，上限 {limit:.1f} %",
            "{value:.1f} % of pixels clipped, limit {limit:.1f} %",
        ),
    ),
    ReasonCode.TOO_MUCH_DEBRIS: (
        Words("杂质过多", "Too much debris covers the field"),
        Words("填补面积 {value:.1f} %，上限 {limit:.1f} %", "{value:.1f} % filled, limit {limit:.1f} %"),
    ),
    ReasonCode.NOVEL: (
        Words("光谱超出模型的认知范围", "The spectrum is unlike all that the model knows"),
        Words("新异度 {value:.2f}，上限 {limit:.2f}", "novelty {value:.2f}, limit {limit:.2f}"),
    ),
    ReasonCode.FIBRE_OUTSIDE_MODEL: (
        Words("标签中的{subject}不在模型范围内", "The model does not know a declared fibre: {subject}"),
        _NO_FIGURES,
    ),
    ReasonCode.BLEND_OUTSIDE_MODEL: (
        Words(
            "{subject}：模型没有用这种仪器测得的此类样品训练过",
            "{subject}: the model was not trained on it with such an instrument",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.TOO_FEW_LEARNT: (
        Words(
            "{subject}：模型用这种仪器学过的样品太少",
            "{subject}: the model has learnt too few specimens of it with such an instrument",
        ),
        Words(
            "{value:.0f} 个，作出判定至少需要 {limit:.0f} 个",
            "{value:.0f}; a verdict needs at least {limit:.0f}",
        ),
    ),
    ReasonCode.SHARE_OUTSIDE_MODEL: (
        Words(
            "{subject}：含量超出模型用这种仪器学过的范围",
            "{subject}: a share that the model was not trained on with such an instrument",
        ),
        Words(
            "{value:.0f} %，训练样品中最接近的为 {limit:.0f} %",
            "{value:.0f} %, the nearest in training was {limit:.0f} %",
        ),
    ),
    ReasonCode.INSTRUMENT_OUTSIDE_MODEL: (
        Words(
            "模型没有用这种仪器（{subject}）训练过",
            "The model was not trained with this type of instrument ({subject})",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.WAVELENGTHS_OUTSIDE_MODEL: (
        Words(
            "光谱没有完整覆盖模型的波长范围（{subject}）",
            "The spectrum does not cover the wavelengths of the model ({subject})",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.NO_LABEL: (
        Words("没有标签成分，无从判定", "There is no declared label to judge against"),
        _NO_FIGURES,
    ),
    ReasonCode.WITHIN_TOLERANCE: (
        Words("{subject}：在允差之内", "{subject}: within tolerance"),
        _DEVIATION,
    ),
    ReasonCode.OUTSIDE_TOLERANCE: (
        Words("{subject}：超出允差", "{subject}: outside tolerance"),
        _DEVIATION,
    ),
    ReasonCode.UNDECIDED_WITHIN_UNCERTAINTY: (
        Words("{subject}：预测区间跨越允差界限", "{subject}: the interval crosses the edge of the tolerance"),
        _DEVIATION,
    ),
    ReasonCode.ONE_SIDED: (
        Words(
            "只在一个方向上超出允差：没有另一种纤维明确地补上或减少相应的含量",
            "The deviation is seen on one side only: no other fibre surely makes up for it",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.UNDECLARED_FIBRE: (
        Words("{subject}：标签未标明", "{subject}: present but not declared"),
        Words(
            "测得 {value:.1f} %，允差 {limit:.1f} 个百分点", "measured {value:.1f} %, allowed {limit:.1f} pp"
        ),
    ),
}

_FIBRES: Mapping[str, Words] = {
    "cotton": Words("棉", "Cotton"),
    "linen": Words("亚麻", "Linen"),
    "nylon": Words("锦纶", "Nylon"),
    "polyester": Words("涤纶", "Polyester"),
    "viscose": Words("粘纤", "Viscose"),
    "wool": Words("羊毛", "Wool"),
    "acrylic": Words("腈纶", "Acrylic"),
    "acetate": Words("醋纤", "Acetate"),
    "silk": Words("蚕丝", "Silk"),
    "elastane": Words("氨纶", "Elastane"),
    UNKNOWN: Words("未知", "unknown"),
}

_TERMS: Mapping[str, Words] = {
    # mass bases
    "dry mass": Words("净干质量", "dry mass"),
    "conventional regain": Words("公定回潮率质量", "with conventional regain"),
    # kinds and severities of defects
    "hole": Words("破洞", "hole"),
    "stain": Words("污渍", "stain"),
    "slub": Words("粗节", "slub"),
    "minor": Words("轻微", "minor"),
    "major": Words("严重", "major"),
    # sources of a white reference
    "tile": Words("白板", "white tile"),
    "factory": Words("仪器出厂参考", "factory reference of the instrument"),
    # roles of models
    "composition": Words("成分", "Composition"),
    "image_cleaner": Words("图像清洁", "Image cleaning"),
    "defect_detector": Words("疵点检测", "Defects"),
    "transfer": Words("仪器间转移", "Transfer between units"),
    "flat_field": Words("平场校正", "Flat field"),
}

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
    "limits": Words("本结果不涵盖", "What this result does not cover"),
    "record": Words(
        "本文件附有全部数据（certificate.json），可离线核对。",
        "All data are attached to this file as certificate.json and can be checked offline.",
    ),
}

FACTS: Mapping[str, Words] = {
    "specimen_id": Words("样品号", "Specimen"),
    "lot": Words("批号", "Lot"),
    "roll": Words("卷号", "Roll"),
    "position": Words("位置", "Position"),
    "label": Words("标签成分", "Declared label"),
    "measured_at": Words("测量时间", "Measured"),
    "concluded_at": Words("判定时间", "Concluded"),
    "station": Words("工位", "Station"),
    "spectrometer": Words("光谱仪", "Spectrometer"),
    "settings": Words("设置", "Settings"),
    "conditions": Words("测量条件", "Conditions"),
    "camera": Words("相机", "Camera"),
    "white": Words("白参考", "White reference"),
    "white_id": Words("白参考编号", "Reference id"),
    "rule": Words("判定规则", "Rule"),
    "guard_band": Words("保护带", "Guard band"),
    "software": Words("软件版本", "Software"),
    "acquisition": Words("测量记录", "Acquisition"),
    "conclusion": Words("判定记录", "Conclusion"),
    "scan_sha256": Words("扫描 SHA-256", "Scan SHA-256"),
    "image_sha256": Words("图像 SHA-256", "Image SHA-256"),
    "white_sha256": Words("白参考 SHA-256", "White SHA-256"),
}

NO_LABEL = Words("未标明", "none")
NOT_IN_MODEL = Words("模型未含", "not in model")
NO_CAMERA = Words("本工位没有相机", "this station has no camera")
NO_IMAGE = Words("没有图像", "no image")
CAMERA = Words(
    "{instrument}；{width} × {height} px，{scale:.3g} µm/px",
    "{instrument}; {width} × {height} px, {scale:.3g} µm/px",
)
MODEL = Words("模型：{role}", "Model: {role}")
NO_WHITE = Words("无", "none")
INSTRUMENT = Words(
    "{model}（{kind}），序列号 {serial}，固件 {firmware}",
    "{model} ({kind}), serial {serial}, firmware {firmware}",
)
SETTINGS = Words("{config}，平均 {scans} 次，增益 {gain}", "{config}, {scans} scans averaged, gain {gain}")
COMMA = Words("，", ", ")
# By the fields of `ScanConditions`; what an instrument does not measure is left out.
CONDITIONS = {
    "system_temperature_c": Words("系统 {value:.1f} °C", "system {value:.1f} °C"),
    "detector_temperature_c": Words("探测器 {value:.1f} °C", "detector {value:.1f} °C"),
    "humidity_percent": Words("湿度 {value:.0f} %RH", "humidity {value:.0f} %RH"),
    "lamp_photodiode_counts": Words("灯监测 {value}", "lamp monitor {value}"),
}
WHITE_TILE = Words(
    "{source} {tile}，测量前 {age:.1f} 分钟", "{source} {tile}, {age:.1f} min before the measurement"
)
WHITE_FACTORY = Words("{source}，时间不明", "{source}, of unknown age")
RULE = Words("{source}（规则版本 {version}）；{allowed}", "{source} (rule version {version}); {allowed}")
ALLOWED = Words("允差 ±{max:g} 个百分点", "allowed ±{max:g} pp")
ALLOWED_WITH_MINOR = Words(
    "允差 ±{max:g} 个百分点；标签不超过 {minor_at:g} % 的成分 ±{minor:g} 个百分点",
    "allowed ±{max:g} pp; ±{minor:g} pp for components declared at {minor_at:g} % or less",
)
GUARD_BAND = Words(
    "保护带宽度等于预测区间（ILAC-G8:09/2019）：各纤维的整个区间在允差内为合格；某纤维的整个区间在允差外、"
    "且另一纤维明确反向偏离标签为不合格；其余送检",
    "as wide as the prediction interval (ILAC-G8:09/2019): PASS if every whole interval lies inside the "
    "tolerance, FAIL if a whole interval lies outside and another fibre surely deviates the other way, "
    "REFER otherwise",
)
SHARES_NOTE = Words(
    "质量百分比（{basis}）。主要纤维：{main}。新异度 {novelty:.2f}（上限 {limit:.2f}）。",
    "Percent by mass ({basis}). Main fibre: {main}. Novelty {novelty:.2f} (limit {limit:.2f}).",
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
NO_DEBRIS_NOTE = Words("原始图像；未发现杂质，未作填补。", "Image as taken; no debris found, nothing filled.")
REGIONS_NOTE = Words(
    "白色方框：模型与光谱比对的区域。", "White squares: regions that the model compared with the spectrum."
)
NO_MICROGRAPH = Words("没有可用的显微图像。", "No usable micrograph.")
NO_MICROGRAPH_BUT_SHARES = Words(
    "没有可用的显微图像；成分仅由光谱得出。",
    "No usable micrograph; the shares rest on the spectrum alone.",
)
NO_DEFECTS = Words("未发现疵点。", "No defects found.")
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
        "近红外光只到达表层；涂层、印花、染料和多层结构可能影响结果。",
        "NIR light reaches the surface only; coatings, prints, dyes and layers may change the result.",
    ),
    Words(
        "这是筛查方法，不能代替化学定量分析（GB/T 2910、ISO 1833）。",
        "This is a screening method; it does not replace chemical analysis (ISO 1833, GB/T 2910).",
    ),
)
MODEL_FIBRES = Words("模型只认识：{fibres}。", "The model knows only these fibres: {fibres}.")
SEPARATOR = Words("、", ", ")


def fibre_name(fibre: str, language: Language) -> str:
    """Return the trade name of a fibre; a fibre that is not in the list keeps the name it came with."""
    words = _FIBRES.get(fibre)
    return words.of(language) if words else fibre


def term(name: str, language: Language) -> str:
    """Return the word for a kind, severity, basis or role; an unlisted one keeps its own name."""
    words = _TERMS.get(name)
    return words.of(language) if words else name.replace("_", " ")


def reason_sentence(reason: Reason, language: Language) -> str:
    """Return a reason in words, with the figure that decided and its limit where it has them."""
    said, figures = (words.of(language) for words in _REASONS[reason.code])
    sentence = said.format(subject=_subject(reason.subject, language))
    if not figures or reason.value is None or reason.limit is None:
        return sentence + _FULL_STOP.of(language)
    in_figures = figures.format(value=reason.value, limit=reason.limit)
    return _WITH_FIGURES.of(language).format(sentence=sentence, figures=in_figures)


def _subject(subject: str, language: Language) -> str:
    """Return what a reason is about; the fibres of a blend ("linen+wool") are named one by one."""
    return " + ".join(fibre_name(fibre, language) for fibre in subject.split("+"))


_FULL_STOP = Words("。", ".")
_WITH_FIGURES = Words("{sentence}（{figures}）。", "{sentence} ({figures}).")
