"""Every reason of a verdict as a sentence, in Chinese and English side by side."""

from collections.abc import Mapping

from qc_daemon.domain.reasons import Reason, ReasonCode
from reports.wording import Language, Words, fibre_name

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
    ReasonCode.SPECTROMETER_WARMING: (
        Words("光谱仪仍在预热", "The spectrometer is still warming up"),
        _NO_FIGURES,
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
    ReasonCode.UNDECLARED_TOTAL: (
        Words("未标明的纤维合计超出允差", "Fibres that are not declared are too much together"),
        Words("合计 {value:.1f} %，允差 {limit:.1f} %", "{value:.1f} % together, allowed {limit:.1f} %"),
    ),
    ReasonCode.DECLARED_ABSENT: (
        Words("{subject}：标签已标明，但未检出", "{subject}: declared but not there"),
        Words("标签 {limit:.1f} %", "declared {limit:.1f} %"),
    ),
    ReasonCode.DECLARED_UNSEEN: (
        Words(
            "{subject}：标签标明的少量纤维不能确认存在",
            "{subject}: the little that is declared may be absent",
        ),
        Words("标签 {limit:.1f} %", "declared {limit:.1f} %"),
    ),
    ReasonCode.BASIS_UNKNOWN: (
        Words(
            "质量基准不明（{subject}），无法与标签比较",
            "The shares are on a mass basis that cannot be compared with a label ({subject})",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.REGAIN_UNKNOWN: (
        Words(
            "{subject}：没有公定回潮率数据，无法换算到标签的质量基准",
            "{subject}: no regain is on file to convert it to the mass basis of the label",
        ),
        _NO_FIGURES,
    ),
    ReasonCode.TOO_FEW_SPECIMENS: (
        Words("可用样品数少于抽样方案", "Fewer usable specimens than the plan asks for"),
        Words("{value:.0f} 个，需要 {limit:.0f} 个", "{value:.0f} of {limit:.0f}"),
    ),
    ReasonCode.TOO_FEW_ROLLS: (
        Words("检验的卷数少于抽样方案", "Fewer rolls than the plan asks for"),
        Words("{value:.0f} 卷，需要 {limit:.0f} 卷", "{value:.0f} of {limit:.0f}"),
    ),
    ReasonCode.LABELS_DIFFER: (
        Words("样品的标签成分不一致", "The specimens do not have the same declared label"),
        _NO_FIGURES,
    ),
    ReasonCode.SPECIMENS_FAILED: (
        Words("个别样品不合格，批内不均匀", "Single specimens failed: they are not alike"),
        Words("{limit:.0f} 个中有 {value:.0f} 个", "{value:.0f} of {limit:.0f}"),
    ),
}

_FULL_STOP = Words("。", ".")
_WITH_FIGURES = Words("{sentence}（{figures}）。", "{sentence} ({figures}).")


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
