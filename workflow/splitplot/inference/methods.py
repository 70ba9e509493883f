"""Where the formula of each method comes from: the list that a report prints at its end."""

from collections.abc import Iterator, Mapping
from typing import Any

NAMING = ("method", "test", "adjustment")
IMPLYING = {"mid_p": "McNemar mid-p", "smallest_detectable": "smallest detectable"}
"""Keys of inference.json whose value names a method, and those that have one only if it was used."""

SOURCES = {
    "Wilson": "Wilson 1927; Brown, Cai & DasGupta 2001",
    "Wilson on effective": "Korn & Graubard 1998; Dean & Pagano 2015; standard error over items or CR2",
    "Clopper-Pearson": "Clopper & Pearson 1934",
    "t over items": "Student 1908; Miller 2024 (arXiv:2411.00640) for paired differences of items",
    "adjusted t over items": "Student 1908, with one item added for each arm, half a scale apart "
    "(after Agresti & Caffo 2000; Bonett & Price 2012)",
    "CR2 clustered t": "Bell & McCaffrey 2002, with Satterthwaite degrees of freedom",
    "Tango score": "Tango 1998, Statistics in Medicine 17:891",
    "sign-flip inversion": "Hartigan 1969; Tritchler 1984",
    "exact bound": "Clopper & Pearson 1934, at 0 of n units unlike the rest",
    "run-to-run noise": "SE² = Σ (s²_A/K_A + s²_B/K_B)/I² at fixed items; Miller 2024",
    "McNemar exact": "McNemar 1947; binomial tail doubled",
    "McNemar mid-p": "Fagerland, Lydersen & Laake 2013",
    "studentised sign-flip": "Janssen 1999; Hemerik, Goeman & Finos 2020; p = (b + 1)/(m + 1)",
    "sign-flip": "no difference to permute: p = 1 by definition",
    "cluster sign-flip": "no difference to permute: p = 1 by definition",
    "t on run-to-run noise": "Satterthwaite 1946, over the variances of the items",
    "McNemar": "McNemar 1947",
    "e-process": "Ville 1939; Krichevsky & Trofimov 1981; Waudby-Smith & Ramdas 2024",
    "confidence sequence": "Waudby-Smith & Ramdas 2024, with Cover's portfolio (Orabona & Jun 2024)",
    "Hartung-Knapp": "Hartung & Knapp 2001, factor not below 1 (Röver, Knapp & Friede 2015)",
    "exact conditional": "Breslow & Day 1980, section 5.2",
    "Cliff's delta": "Cliff 1996; Feng & Cliff 2004; paired arms: jackknife, CR2 with clusters",
    "Hodges-Lehmann": "Hodges & Lehmann 1963; Noether 1967",
    "noncentral t": "Hedges & Olkin 1985; Steiger & Fouladi 1997",
    "bootstrap percentile": "Efron 1979",
    "bootstrap BCa": "Efron 1987",
    "simultaneous max-T": "Westfall & Young 1993; Hothorn, Bretz & Westfall 2008",
    "Cochran's Q": "Cochran 1950",
    "Friedman": "Friedman 1937",
    "F blocked by item": "Fisher; Geisser & Greenhouse 1958",
    "CR2 Wald": "Bell & McCaffrey 2002; Tipton & Pustejovsky 2015",
    "Hotelling T²": "Hotelling 1931",
    "ratio of sums": "Cochran 1977, section 6; Fieller 1954",
    "ratio of ratios of sums": "Cochran 1977, section 6, on the log scale",
    "Fieller": "Fieller 1954; variances and covariance by CR2",
    "ratio of bounds": "Bonferroni over both limits; Clopper & Pearson 1934 for the denominator",
    "Rogan-Gladen": "Rogan & Gladen 1978; Lang & Reiczigel 2014; Zou & Donner 2008 for the difference",
    "studentised swap": "Janssen 1999; p = (b + 1)/(m + 1)",
    "swap of the arms": "no difference to permute: p = 1 by definition",
    "t over items and raters": "Searle, Casella & McCulloch 1992; Satterthwaite 1946",
    "Krippendorff's alpha": "Krippendorff 2011; Hayes & Krippendorff 2007; percentiles over items",
    "Gwet's AC1": "Gwet 2008; percentiles over items",
    "rank sets": "Mogstad, Romano, Shaikh & Wilhelm 2024",
    "expected mean squares": "Searle, Casella & McCulloch 1992; Brennan 2001",
    "item-factorised REML": "Patterson & Thompson 1971; Harville 1977",
    "Imbens-Manski": "Imbens & Manski 2004; Horowitz & Manski 2000",
    "Newcombe": "Newcombe 1998, method 10",
    "Welch": "Welch 1947; with clusters CR2 in either arm",
    "random effects": "Viechtbauer 2005; Hartung & Knapp 2001; Röver, Knapp & Friede 2015",
    "fixed effect": "inverse-variance weights; Cochran 1954",
    "prediction": "Higgins, Thompson & Spiegelhalter 2009",
    "logistic": "Pinheiro & Bates 1995, adaptive Gauss-Hermite quadrature",
    "t of two-way mean squares": "Searle, Casella & McCulloch 1992; Satterthwaite 1946",
    "two-way mean squares": "Searle, Casella & McCulloch 1992; Satterthwaite 1946",
    "Holm": "Holm 1979, within each family",
    "Benjamini-Hochberg": "Benjamini & Hochberg 1995, within each family",
    "smallest detectable": "(t_{α/2} + t_{0.2})·SE at 80% power; Miller 2024",
}


def used(summary: Mapping[str, Any]) -> list[dict[str, str]]:
    """[{"name", "formula_source"}] of the methods that appear anywhere in inference.json."""
    names = set(named(summary))
    found = {family for name in names for family in [_family(name)] if family}
    return [{"name": name, "formula_source": SOURCES[name]} for name in SOURCES if name in found]


def named(value: Any) -> Iterator[str]:
    """Every text under a key that names a method; and what is known by having a value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in NAMING and isinstance(inner, str):
                yield inner
            elif key in IMPLYING and inner is not None:
                yield IMPLYING[key]
            else:
                yield from named(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from named(inner)


def _family(name: str) -> str | None:
    """The longest key of SOURCES with which the method's name begins."""
    return max((key for key in SOURCES if name.startswith(key)), key=len, default=None)
