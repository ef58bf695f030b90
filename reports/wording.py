"""What certificates and reports have in common to say, in Chinese and English side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from qc_daemon.domain.composition import UNKNOWN
from qc_daemon.domain.fibres import FIBRES
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

_FIBRES: Mapping[str, Words] = {
    **{fibre.name: Words(fibre.zh, fibre.en.capitalize()) for fibre in FIBRES},
    UNKNOWN: Words("未知", "unknown"),
}

_TERMS: Mapping[str, Words] = {
    # mass bases
    "dry mass": Words("净干质量", "dry mass"),
    "conventional regain": Words("公定回潮率质量", "with conventional regain"),
    "agreed allowances": Words("按欧盟商定回潮率计的质量", "with agreed allowances (EU 1007/2011)"),
    "as labelled, percent by mass": Words("与标签相同的基准", "as labelled"),
    # kinds and severities of defects
    "hole": Words("破洞", "hole"),
    "stain": Words("污渍", "stain"),
    "slub": Words("粗节", "slub"),
    "minor": Words("轻微", "minor"),
    "major": Words("严重", "major"),
    # sources of a white reference
    "tile": Words("白板", "white tile"),
    "factory": Words("仪器出厂参考", "factory reference of the instrument"),
    # checks of a spectrometer
    "tile check": Words("灰板检查", "grey tile"),
    "wavelength check": Words("波长检查", "wavelengths"),
    # meanings of a signature
    "reviewed": Words("已复核", "reviewed"),
    "approved": Words("已批准", "approved"),
    # instruments
    "spectrometer": Words("光谱仪", "Spectrometer"),
    "camera": Words("相机", "Camera"),
    # roles of models
    "composition": Words("成分", "Composition"),
    "image_cleaner": Words("图像清洁", "Image cleaning"),
    "defect_detector": Words("疵点检测", "Defects"),
    "transfer": Words("仪器间转移", "Transfer between units"),
    "flat_field": Words("平场校正", "Flat field"),
    "optics_dirt": Words("镜头污物", "Dirt on the optics"),
}

SEPARATOR = Words("、", ", ")
SEMICOLON = Words("；", "; ")
COMMA = Words("，", ", ")


def fibre_name(fibre: str, language: Language) -> str:
    """Return the trade name of a fibre; a fibre that is not in the list keeps the name it came with."""
    words = _FIBRES.get(fibre)
    return words.of(language) if words else fibre


def term(name: str, language: Language) -> str:
    """Return the word for a kind, severity, basis or role; an unlisted one keeps its own name."""
    words = _TERMS.get(name)
    return words.of(language) if words else name.replace("_", " ")
