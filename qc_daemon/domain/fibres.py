"""The fibres that a label may name: one name within the station, generic names and trade usage without.

Generic names follow Annex I of Regulation (EU) No 1007/2011 and GB/T 4146.1; codes are those of ISO 2076
and of European care labels. A name that does not say which fibre it is ("麻": flax, ramie or hemp) is kept
apart with what it may mean, so that it is refused with an explanation.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fibre:
    """A fibre under all of its names.

    Attributes:
        name: what models, tables and rules call it.
        en: name on an English label.
        zh: name on a Chinese label.
        also: other names, in lower case.
        codes: abbreviations, in lower case; too short to be looked for anywhere but on a label.
    """

    name: str
    en: str
    zh: str
    also: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


FIBRES: tuple[Fibre, ...] = (
    Fibre("cotton", "cotton", "棉", ("全棉", "纯棉", "棉花", "棉纤维"), ("co", "c")),
    Fibre("linen", "linen", "亚麻", ("flax", "亚麻纤维"), ("li", "l")),
    Fibre(
        "nylon", "nylon", "锦纶", ("polyamide", "尼龙", "聚酰胺纤维", "聚酰胺", "锦纶纤维"), ("pa", "n", "ny")
    ),
    Fibre(
        "polyester", "polyester", "涤纶", ("pet", "涤", "聚酯纤维", "聚酯", "涤纶纤维"), ("pes", "pl", "t")
    ),
    Fibre(
        "viscose", "viscose", "粘纤",
        ("rayon", "viscose rayon", "粘胶纤维", "粘胶", "黏胶纤维", "黏胶", "黏纤", "人造棉"),
        ("cv", "vi", "r"),
    ),
    Fibre("wool", "wool", "羊毛", ("毛", "绵羊毛", "羊毛纤维", "fleece wool"), ("wo", "w", "wv")),
    Fibre("acrylic", "acrylic", "腈纶", ("聚丙烯腈纤维", "腈纶纤维"), ("pan", "pc")),
    Fibre("acetate", "acetate", "醋纤", ("醋酯纤维", "醋酸纤维", "醋酸"), ("ca",)),
    Fibre("silk", "silk", "蚕丝", ("桑蚕丝", "mulberry silk", "真丝"), ("se", "s")),
    Fibre(
        "elastane", "elastane", "氨纶", ("spandex", "lycra", "莱卡", "聚氨酯弹性纤维", "氨纶纤维"),
        ("el", "ea", "sp"),
    ),
    Fibre("ramie", "ramie", "苎麻", (), ("ra",)),
    Fibre("hemp", "hemp", "大麻", ("汉麻", "true hemp"), ("ha",)),
    Fibre("jute", "jute", "黄麻", (), ("ju",)),
    Fibre("tussah silk", "tussah silk", "柞蚕丝", ("tussah",)),
    Fibre("cashmere", "cashmere", "山羊绒", ("羊绒",), ("ws", "wk")),
    Fibre("mohair", "mohair", "马海毛", (), ("wm",)),
    Fibre("alpaca", "alpaca", "羊驼毛", (), ("wp",)),
    Fibre("angora", "angora", "兔毛", ("rabbit", "rabbit hair", "安哥拉兔毛"), ("wa",)),
    Fibre("camel", "camel", "骆驼毛", ("camel hair", "驼绒", "驼毛"), ("wg",)),
    Fibre("yak", "yak", "牦牛绒", ("牦牛毛",), ("wy",)),
    Fibre("modal", "modal", "莫代尔", ("莫代尔纤维", "莫代尔纤"), ("cmd", "md")),
    Fibre(
        "lyocell", "lyocell", "莱赛尔",
        ("tencel", "莱赛尔纤维", "天丝", "tencel lyocell", "lyocell tencel"), ("cly",),
    ),
    Fibre("cupro", "cupro", "铜氨纤维", ("铜氨", "cuprammonium", "bemberg"), ("cup", "cu")),
    Fibre("triacetate", "triacetate", "三醋酯纤维", ("三醋酸纤维", "三醋酸", "三醋酯"), ("cta", "ta")),
    Fibre("modacrylic", "modacrylic", "改性腈纶", ("改性聚丙烯腈纤维",), ("mac", "ma")),
    Fibre("polypropylene", "polypropylene", "丙纶", ("聚丙烯纤维", "聚丙烯"), ("pp",)),
    Fibre("polyethylene", "polyethylene", "乙纶", ("聚乙烯纤维", "聚乙烯"), ("pe",)),
    Fibre("vinylal", "vinylal", "维纶", ("vinylon", "聚乙烯醇缩醛纤维"), ("pval",)),
    Fibre("chlorofibre", "chlorofibre", "氯纶", ("聚氯乙烯纤维",), ("clf",)),
    Fibre("polyurethane", "polyurethane", "聚氨酯", (), ("pu",)),
    Fibre("polylactide", "polylactide", "聚乳酸纤维", ("聚乳酸",), ("pla",)),
    Fibre("elastomultiester", "elastomultiester", "聚酯复合弹性纤维", ("聚酯复合弹性",), ("eme",)),
    Fibre("elastodiene", "elastodiene", "二烯类弹性纤维", ("rubber", "橡胶"), ("ed",)),
    Fibre("aramid", "aramid", "芳纶", ("聚芳酰胺纤维", "meta-aramid", "para-aramid"), ("ar",)),
    Fibre("protein", "protein", "蛋白质纤维", ("大豆蛋白纤维", "牛奶蛋白纤维", "azlon")),
    Fibre("kapok", "kapok", "木棉", (), ("kp",)),
    Fibre(
        "metallic fibre", "metallic fibre", "金属纤维",
        ("metal", "metal fibre", "metallic", "metallised fibre", "lurex", "金属", "金属镀膜纤维", "金银丝"),
        ("mtf", "me"),
    ),
    Fibre(
        "other fibres", "other fibres", "其他纤维",
        ("other fibers", "other fibre", "other fiber", "other", "其它纤维", "其他"), ("af",),
    ),
)  # fmt: skip

_BY_NAME: Mapping[str, Fibre] = {fibre.name: fibre for fibre in FIBRES}

# Every name that a fibre goes by, in lower case.
FIBRE_NAMES: Mapping[str, str] = {
    name: fibre.name for fibre in FIBRES for name in (fibre.name, fibre.en, fibre.zh, *fibre.also)
}
FIBRE_CODES: Mapping[str, str] = {code: fibre.name for fibre in FIBRES for code in fibre.codes}

# What a name may mean that does not say which fibre it is.
AMBIGUOUS_NAMES: Mapping[str, tuple[str, ...]] = {
    "麻": ("亚麻", "苎麻", "大麻"),
    "麻纤维": ("亚麻", "苎麻", "大麻"),
    "绒": ("山羊绒", "牦牛绒", "驼绒"),
    "丝": ("桑蚕丝", "柞蚕丝"),
    "bamboo": ("viscose", "lyocell"),
    "竹纤维": ("粘纤", "莱赛尔"),
    "再生纤维素纤维": ("粘纤", "莫代尔", "莱赛尔"),
    "animal hair": ("cashmere", "mohair", "alpaca"),
    "synthetic": ("polyester", "nylon", "acrylic"),
    "化纤": ("涤纶", "锦纶", "腈纶"),
    "合成纤维": ("涤纶", "锦纶", "腈纶"),
}


def fibre_called(name: str) -> Fibre:
    """Return the fibre of a station's name; one that no label names stands for itself."""
    return _BY_NAME.get(name) or Fibre(name, name, name)
