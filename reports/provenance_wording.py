"""The words for where a result comes from, in Chinese and English side by side."""

from collections.abc import Mapping

from reports.wording import Words

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
    "checks": Words("控制图", "Control charts"),
    "method": Words("方法", "Method"),
    "replaces": Words("取代判定", "Replaces"),
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
IMAGE_GONE = Words("图像已到期清除，不再保留", "its image was retired and is no longer kept")
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
METHOD = Words(
    "近红外漫反射与显微图像，神经网络推断（筛查，非标准方法）；卷上取一点，无抽样方案",
    "NIR reflectance and micrograph, neural network (screening, no standard method); "
    "one spot, no sampling plan",
)
NEVER_CHECKED = Words("没有检查记录", "never checked")
IN_CONTROL = Words("{check}受控（{age:.1f} 小时前）", "{check} in control ({age:.1f} h before)")
OUT_OF_CONTROL = Words("{check}失控（{age:.1f} 小时前）", "{check} OUT OF CONTROL ({age:.1f} h before)")
LEDGER = Words("台账第 {sequence} 条", "Ledger no. {sequence}")
UNSIGNED = Words(
    "签字：______________________　日期：______________",
    "Signature: ______________________  Date: ______________",
)
SIGNED = Words("电子签名：{who}，{meaning}，{at}", "Signed electronically: {who}, {meaning}, {at}")
