"""Public numbers that several test files need, typed, and what stands in larger files beside the repository.

A test must not depend on files outside of the repository: `case` gives a file of typed rows. What needs more than some rows is tried
`besides`, where the folder with those files is.
"""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

SHARED = Path(__file__).parents[1] / ".." / "shared"
CASES = SHARED / "cases"

TYPED = {
    "tables/betas_p.csv": """\
term,beta,p
Target,.21,.032
Deprivation,-.35,<.001
Size,.04,.61
""",
    "tables/broom.csv": """\
term,estimate,std.error,statistic,p.value,conf.low,conf.high
(Intercept),12.4,3.1,4.0,0.0001,6.3,18.5
target,1.2,0.45,2.667,0.0085,0.31,2.09
deprivation,-0.31,0.2,-1.55,0.123,-0.71,0.09
""",
    "tables/few_clusters.csv": """\
term,estimate,std.error
England x post,-3.6***,(1.4)
England,1.2,(0.9)
""",
    "tables/knowsley_did.csv": """\
term,coef,conf.low,conf.high
Treatment,-2.01,-3.28,-.74
Period,-.96,-2.43,.50
DiD,1.04,-.77,2.84
""",
    "tables/norway_beds.csv": """\
term,estimate,se,star
Reform,.0024,.0044,
Treat,.7419,.0211,***
Reform x treat,-.0314,.0190,**
Norw_GP,.0402,.0126,***
Male_GP,.1432,.0118,***
Specialist,-.0297,.0136,**
Age_GP,.0033,.0006,***
Consult_GP,-.0034,.0041,
Share_LC_GP,-.0090,.0306,
Share_Test_GP,.1414,.0391,***
Visist_GP,.0084,.0005,***
Pat_Age,.0017,.0002,***
Pat_Male,.0131,.0067,**
Pat_Edu1,.0679,.0848,
Pat_Alone,.0723,.0802,
""",
    "tables/pounds.csv": """\
term,estimate,se
Target,250,40
Deprivation,-3.1,1.9
""",
    "tables/qof_odds_ratios.csv": """\
term,OR,low,high
2011/12,0.998,0.994,1.001
<5%,0.980,0.966,0.995
5-15%,0.940,0.912,0.970
15-25%,0.912,0.882,0.942
25-50%,0.862,0.832,0.893
>50%,0.837,0.802,0.873
""",
    "tables/regression_as_printed.tsv": """\
Term\tModel 1\tModel 2
Target\t0.952+\t
\t(0.659)\t
Stretch\t\t0.651**
\t\t(0.090)
Deprivation\t−0.043\t−0.007
\t(0.066)\t(0.047)
N\t150\t131
R2\t.14\t.49
""",
    "tables/relative_targets_t.csv": """\
term,b,t
Common uncertainty,.358,(1.333)
Contractibility,.049,(2.287)
Firm-level measures,-.919,(-2.629)
Size of BU,.025,(0.800)
""",
    "tables/t_against_slope.csv": """\
term,estimate,se,t
First,-.115,.110,-1.070
Second,.126,.096,1.332
Third,.049,.021,2.287
""",
    "evaluations/norway_diagnoses.csv": """\
study,estimate,se
Angina,-.012,.009
Asthma,-.006,.005
Diabetes,-.002,.003
COPD,-.016,.012
Heart failure,.009,.008
Atrial fibrillation,-.004,.010
Epilepsy,-.005,.006
Ulcer,.003,.006
""",
    "evaluations/bcg.csv": """\
study,vaccinated_cases,vaccinated_n,control_cases,control_n,latitude
Aronson 1948,4,123,11,139,44
Ferguson & Simes 1949,6,306,29,303,55
Rosenthal et al 1960,3,231,11,220,42
Hart & Sutherland 1977,62,13598,248,12867,52
Frimodt-Moller et al 1973,33,5069,47,5808,13
Stein & Aronson 1953,180,1541,372,1451,44
Vandiviere et al 1973,8,2545,10,629,19
TPT Madras 1980,505,88391,499,88391,13
Coetzee & Berjak 1968,29,7499,45,7277,27
Rosenthal et al 1961,17,1716,65,1665,42
Comstock et al 1974,186,50634,141,27338,18
Comstock & Webster 1969,5,2498,3,2341,33
Comstock et al 1976,27,16913,29,17854,33
""",
    "files/ofsted_four_statuses.csv": """\
region_name,outstanding,good,requires improvement,inadequate
East Midlands,3,3,1,1
East of England,4,3,3,1
London,18,11,1,2
North East,6,3,1,0
North West,1,10,5,4
South East,3,10,5,0
South West,2,6,3,3
West Midlands,4,6,4,0
Yorkshire and the Humber,5,9,1,0
""",
    "files/kpi.csv": """\
u,On target,Within tolerance,Off target
Audit,2,0,1
Customer Services,2,2,0
Environmental & Technical Services,0,0,1
"Finance, Revs and Bens",6,1,1
HR,4,0,1
Housing Services,3,0,1
IT Services,7,0,0
Leisure Services,0,0,1
Planning Services,3,0,1
Regulatory Services,2,0,0
Safer North Hants,1,0,1
""",
}
_RATED = TYPED["files/kpi.csv"].splitlines()
_TOTALS = [sum(map(int, row.split(",")[-3:])) for row in _RATED[1:]]
_WITH_TOTALS = [f"{row},{total}" for row, total in zip(_RATED, ["Total", *_TOTALS], strict=True)]
TYPED["files/kpi_total_column.csv"] = "\n".join([*_WITH_TOTALS, ""])
TYPED["files/kpi_council_total_row.csv"] = "\n".join([*_WITH_TOTALS, "Council total,30,3,8,41", ""])


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="cases-"))


def case(name: str) -> Path:
    """A file of typed rows."""
    file = _folder() / name
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_text(TYPED[name], encoding="utf-8")
    return file


def besides(*names: str) -> Callable[[Callable[..., None]], Callable[..., None] | None]:
    """A test of files beside the repository, which is collected where they are."""
    here = all((SHARED / name).exists() for name in names)
    return lambda test: test if here else None
