"""Tables as journals and programs print them: each is read right, or asked about."""

import math
import time

import pytest

import bayes_targets as bt

LATEX = r"""\begin{table}\caption{Effects on admissions}
\begin{tabular}{lcc}
\hline\hline
 & (1) & (2) \\
 & OLS & FE \\
\hline
Target & 0.952\textsuperscript{***} & 0.651$^{**}$ \\
 & (0.159) & (0.290) \\
R\&D (log) & $-$0.13 & -0.11\sym{*} \\
 & (0.20) & (0.06) \\
\hline
Observations & 150 & 131 \\
$R^2$ & 0.41 & 0.49 \\
\multicolumn{3}{l}{\footnotesize Standard errors in parentheses}\\
\multicolumn{3}{l}{\footnotesize \sym{*} \(p<0.1\), \sym{**} \(p<0.05\), \sym{***} \(p<0.01\)}\\
\end{tabular}
\end{table}
"""
ESTTAB = (
    '"","(1)","(2)"\n"","price","price"\n"weight","1.747**","3.465***"\n"","(2.72)","(5.49)"\n"N","74","74"\n'
    '"t statistics in parentheses"\n"* p<0.05, ** p<0.01, *** p<0.001"\n'
)
TIBBLE = """# A tibble: 2 x 5
  term        estimate std.error statistic  p.value
  <chr>          <dbl>     <dbl>     <dbl>    <dbl>
1 (Intercept)    37.3      1.88      19.9  8.24e-19
2 wt             -5.34     0.559     -9.56 1.29e-10
"""
PYFIXEST = """| Coefficient | Estimate | Std. Error | t value | Pr(>|t|) |   2.5% |  97.5% |
|:------------|---------:|-----------:|--------:|---------:|-------:|-------:|
| X1          |   -1.019 |      0.083 | -12.234 |    0.000 | -1.182 | -0.856 |
"""
STARGAZER = """
=================================================
                        Dependent variable:
                    -----------------------------
                               rating
-------------------------------------------------
complaints                    0.692***
                              (0.149)
privileges                     -0.104
                              (0.135)
-------------------------------------------------
Observations                     30
=================================================
Note:                 *p<0.1; **p<0.05; ***p<0.01
"""
SPSS = (
    "\tUnstandardized Coefficients\t\tStandardized Coefficients\tt\tSig.\n\tB\tStd. Error\tBeta\t\t\n"
    "(Constant)\t12.3\t2.1\t\t5.86\t.000\nTarget\t.952\t.659\t.121\t1.445\t.151\n"
)
SJPLOT = (
    "Predictors\tEstimates\tCI\tp\nTarget\t-5.34\t-6.49 – -4.20\t<0.001\n"
    "Observations\t32\t\t\nR2 / R2 adjusted\t0.753 / 0.745\t\t\n"
)
LANCET = "Outcome\tRisk ratio (95% CI)\tp value\nMortality\t0·86 (0·75–0·98)\t0·03\n"
ETABLE = """                              est1               est2
Dependent Var.:            Sepal.L            Sepal.L

Constant         2.249*** (0.2480)
Sepal.Width     0.5955*** (0.0693) 0.4322*** (0.0814)
_______________ __________________ __________________
S.E. type                      IID        by: Species
Observations                   150                150
"""
PANELS = (
    "\t(1)\t(2)\nPanel A: Schools\t\t\nTarget\t.95\t.65\n\t(.16)\t(.29)\n"
    "Panel B: Hospitals\t\t\nTarget\t.5\t.4\n\t(.2)\t(.2)\n"
)
PARAMETERS = """Parameter   | Coefficient |   SE |         95% CI | t(28) |      p
-----------------------------------------------------------------
(Intercept) |       37.29 | 1.88 | [33.45, 41.12] | 19.86 | < .001
wt          |       -5.34 | 0.56 | [-6.49, -4.20] | -9.56 | < .001
"""
GTSUMMARY = (
    "| **Characteristic** | **OR** | **95% CI** | **p-value** |\n|:---|:---:|:---:|:---:|\n"
    "| Target | 1.50 | 1.12, 2.01 | 0.007 |\n| Type |  |  |  |\n| Unitary | — | — |  |\n"
)
TOOLPAK = (
    "\tCoefficients\tStandard Error\tt Stat\tP-value\tLower 95%\tUpper 95%\tLower 95.0%\tUpper 95.0%\n"
    "Intercept\t12.1\t1.2\t10.08\t1.2E-18\t9.73\t14.47\t9.73\t14.47\nTarget\t.952\t.359\t2.652\t.0089\t.2425\t1.6615\t.2425\t1.6615\n"
)
LOGISTIC = "\tB\tS.E.\tWald\tdf\tSig.\tExp(B)\nTarget\t.405\t.150\t7.29\t1\t.007\t1.500\n"
BELOW_0 = (4.1 - 0.5) / 2 / 1.959964
RMA = """
Random-Effects Model (k = 13; tau^2 estimator: REML)

tau^2 (estimated amount of total heterogeneity): 0.3132 (SE = 0.1664)
I^2 (total heterogeneity / total variability):   92.22%

Test for Heterogeneity:
Q(df = 12) = 152.2330, p-val < .0001

Model Results:

estimate      se     zval    pval    ci.lb    ci.ub
 -0.7145  0.1798  -3.9744  <.0001  -1.0669  -0.3622  ***

---
Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1
"""
WHOLE = (
    "\\begin{tabular}{lcc}\n & 2006 & 2007 \\\\\n\\hline\nTarget & $-$157** & -16* \\\\\n & (42) & (7) \\\\\n"
    "Size & 1'048.5 & 3 \\\\\n & (782) & (5) \\\\\n\\multicolumn{3}{l}{Standard errors in parentheses}\\\\\n\\end{tabular}\n"
)
COMMAS = """-------------------------------------
Outcome          Effect        95% CI
-------------------------------------
Reform × A        9,224    7,1 - 11,3
Age, years     ‐12,476*  ‐20,1 - ‐4,9
-------------------------------------
"""
META_REGRESSION = RMA.replace("Random", "Mixed").replace(
    "estimate      se     zval    pval    ci.lb    ci.ub\n -0.7145  0.1798  -3.9744  <.0001  -1.0669  -0.3622  ***\n",
    "         estimate      se     zval    pval    ci.lb    ci.ub\nintrcpt    0.2515  0.2491   1.0095  0.3127  -0.2368   0.7397\n"
    "ablat     -0.0291  0.0072  -4.0444  <.0001  -0.0432  -0.0150  ***\n",
)
FORMS = {
    "metafor, with a moderator": (META_REGRESSION, {}, None, "ablat", -0.0291, 0.0072),
    "Markdown of three dashes": ("| Term | Estimate | SE |\n| --- | --- | --- |\n| Target | .95 | .36 |\n", {}, None, "Target", 0.95, 0.36),
    "LaTeX, whole numbers below years": (WHOLE, {"model": "2006"}, None, "Target", -157, 42),
    "columns of decimal commas": (COMMAS, {}, None, "Age, years", -12.476, 15.2 / 2 / 1.959964),
    "blanks in thousands before brackets": ("term\tb (SE)\nTarget\t−1 137.5 (3 955)\n", {}, None, "Target", -1137.5, 3955),
    "an estimate of .0": ("\tb (SE)\nTarget\t.0 (.4)\nSize\t-.0 (.2)\n", {}, None, "Size", 0, 0.2),
    "ends below 0, after a comma and a blank": ("Outcome\tDifference (95% CI)\nStay\t-2.3 (-4.1, -0.5)\n", {}, None, "Stay", -2.3, BELOW_0),
    "ends below 0, after a comma": ("Outcome\tDifference\t95% CI\nStay\t-2.3\t[-4.1,-0.5]\n", {}, None, "Stay", -2.3, BELOW_0),
    "ends below 0, after a dash": ("Outcome\tDifference (95% CI)\nStay\t−2.3 (−4.1–−0.5)\n", {}, None, "Stay", -2.3, BELOW_0),
    "ends below 0, with decimal commas": ("Outcome;Difference;95% CI\nStay;-2,3;-4,1, -0,5\n", {}, None, "Stay", -2.3, BELOW_0),
    "ends in German": ("Variable;b (95%-CI)\nZiel;-2,3 (-4,1 bis -0,5)\n", {}, None, "Ziel", -2.3, BELOW_0),
    "parameters": (PARAMETERS, {}, None, "wt", -5.34, 0.56),
    "degrees of freedom beside t": ("Predictor\tB\tt(12)\tp\nTarget\t.21\t2.17\t.051\n", {}, None, "Target", 0.21, 0.21 / 2.17),
    "gtsummary": (GTSUMMARY, {"ratio": "odds ratio"}, None, "Target", math.log(1.5), 0.149188),
    "Excel": (TOOLPAK, {}, None, "Target", 0.952, 0.359),
    "emmeans": ("contrast,estimate,SE,df,lower.CL,upper.CL\nA - B,.95,.36,27,.21,1.69\n", {}, None, "A - B", 0.95, 0.36),
    "slopes beside their ratios": (LOGISTIC, {"columns": {"B": "estimate"}}, None, "Target", 0.405, 0.15),
    "ratios beside slopes": (LOGISTIC, {"columns": {"Exp(B)": "estimate"}, "ratio": "odds ratio"}, None, "Target", 0.405465, 0.15),
    "LaTeX": (LATEX, {}, "(2)", "R&D (log)", -0.11, 0.06),
    "LaTeX, first model": (LATEX, {}, "(1)", "Target", 0.952, 0.159),
    "esttab csv": (ESTTAB, {}, "(2) price", "weight", 3.465, 3.465 / 5.49),
    "esttab csv for Excel": (
        ESTTAB.replace('"(2.72)","(5.49)"', '"=""(2.72)""","=""(5.49)"""'), {}, "(1) price", "weight", 1.747, 1.747 / 2.72,
    ),
    "tibble": (TIBBLE, {}, None, "wt", -5.34, 0.559),
    "pyfixest": (PYFIXEST, {}, None, "X1", -1.019, 0.083),
    "stargazer": (STARGAZER, {"brackets": "se"}, None, "privileges", -0.104, 0.135),
    "SPSS": (SPSS, {}, None, "Target", 0.952, 0.659),
    "sjPlot": (SJPLOT, {"df": math.inf}, None, "Target", -5.34, 2.29 / 2 / 1.959964),
    "raised points": (LANCET, {"ratio": "risk ratio"}, None, "Mortality", math.log(0.86), math.log(0.98 / 0.75) / 2 / 1.959964),
    "per cent": ("term,estimate,se\nTarget,3.2%,1.1%\n", {}, None, "Target", 3.2, 1.1),
    "per cent, interval": ("Outcome\tDifference (95% CI)\nStay\t−3.2% (−5.4 to −1.0%)\n", {}, None, "Stay", -3.2, 4.4 / 2 / 1.959964),
    "SE beside each model": ("Variable,Model 1,SE,Model 2,SE\nTarget,.952*,.359,.651,.290\n", {}, "Model 2", "Target", 0.651, 0.29),
    "models over b and SE": ("\tOLS\t\tFE\t\n\tB\tStd. Err.\tB\tStd. Err.\nTarget\t.95\t.36\t.65\t.29\n", {}, "FE", "Target", 0.65, 0.29),
    "b and SE twice": ("Variable\tb\tSE\tb\tSE\nTarget\t.95\t.36\t.65\t.29\n", {}, "(2)", "Target", 0.65, 0.29),
    "German": ("Variable;Koeffizient;Standardfehler;p-Wert\nZiel;0,952;0,359;0,009\n", {}, None, "Ziel", 0.952, 0.359),
    "decimal commas in brackets": ("Variable;(1)\nTarget;0,95***\n;(0,16)\n", {"brackets": "se"}, None, "Target", 0.95, 0.16),
    "thousands in brackets": ("term\testimate\nTarget\t2,500.5 (1,234)\n", {"brackets": "se"}, None, "Target", 2500.5, 1234),
    "plus or minus": ("term\tb ± SE\nTarget\t−0.95 ± 0.36\n", {}, None, "Target", -0.95, 0.36),
    "footnote behind brackets": ("term\testimate (s.e.)\nTarget\t1.0 (.2)^b\nSize\t.5† (.1)\n", {}, None, "Size", 0.5, 0.1),
    "fixest": (ETABLE, {"brackets": "se"}, "est2", "Sepal.Width", 0.4322, 0.0814),
    "two panels": (PANELS, {"brackets": "se"}, "(2), Panel B: Hospitals", "Target", 0.4, 0.2),
    "ends of an interval under a heading": (
        "Effect\tEstimate\t95% CI\t\tp\n\t\tLL\tUL\t\nTarget\t0.95\t0.24\t1.66\t.009\n", {}, None, "Target", 0.95, 1.42 / 2 / 1.959964,
    ),
    "SAS": ("Parameter\tDF\tEstimate\tStandard Error\tPr > |t|\nTarget\t1\t0.95\t0.36\t0.009\n", {}, None, "Target", 0.95, 0.36),
    "outcomes as rows": ("Outcome\tTreatment effect\tRobust SE\tN\nScore\t0.95\t0.36\t150\n", {}, None, "Score", 0.95, 0.36),
    "not significant": ("\t(1)\t(2)\nTarget\t.12 ns\t.34**\n\t(.10)\t(.10)\n", {"brackets": "se"}, "(1)", "Target", 0.12, 0.1),
    "one model alone": ("\t(1)\nTarget\t−0·95***\n\t(0·16)\n", {"brackets": "se"}, None, "Target", -0.95, 0.16),
    "blanks in thousands": ("term;estimate;se\nTarget;1 234,5;200,1\n", {}, None, "Target", 1234.5, 200.1),
    "models A, B and C": ("\tA\tB\tC\nTarget\t.95 (.16)\t.65 (.29)\t.4 (.1)\n", {"brackets": "se"}, "C", "Target", 0.4, 0.1),
    "decimal commas in one cell": ("Variable;b (SE)\nZiel;0,86 (0,12)\n", {}, None, "Ziel", 0.86, 0.12),
    "units in headings": ("term,estimate (%),se (%)\nTarget,3.2,1.1\n", {}, None, "Target", 3.2, 1.1),
    "fixed effects at the foot": (
        "\t(1)\t(2)\nTarget\t.95\t.65\n\t(.16)\t(.29)\nYear FE\tYes\tYes\nControls\tNo\tYes\nN\t1,500\t1,310\nAdj. R²\t.41\t.49\n",
        {"brackets": "se"}, "(2)", "Target", 0.65, 0.29,
    ),
    "a blank between the ends": ("Effect\tEstimate\t95% CI\nTarget\t0.95\t.24 1.66\n", {}, None, "Target", 0.95, 1.42 / 2 / 1.959964),
    "a blank between the ends in brackets": (
        "Outcome\tDifference (95% CI)\nStay\t−3.2 (−5.4 1.0)\n", {}, None, "Stay", -3.2, 6.4 / 2 / 1.959964,
    ),
    "models in rows": (
        "Model\tTarget\tSize\tN\nModel 1\t.95 (.16)\t.3 (.1)\t150\nModel 2\t.65 (.29)\t\t131\n", {"brackets": "se"}, "Model 2",
        "Target", 0.65, 0.29,
    ),
    "reference in brackets": (
        "Variable\taOR (95% CI)\nTarget\t0.862 (0.832-0.893)\nNone\t1 [Reference]\n", {"ratio": "odds ratio"}, None, "Target",
        math.log(0.862), math.log(0.893 / 0.832) / 2 / 1.959964,
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_read_as_it_is_printed(form):
    text, options, heading, term, estimate, se = FORMS[form]
    read = bt.read_estimates(text, **options)
    row = (
        read
        if heading is None and not isinstance(read, dict)
        else read[heading]
        if isinstance(read, dict)
        else read
    ).estimates.loc[term]
    assert (row["estimate"], row["se"]) == (pytest.approx(estimate), pytest.approx(se, rel=1e-4))


def test_degrees_of_freedom_in_a_heading_are_those_of_its_t():
    read = bt.read_estimates(FORMS["degrees of freedom beside t"][0])
    assert read.estimates["df"].tolist() == [12]


def test_the_foot_of_a_latex_table_says_n_stars_and_brackets():
    read = bt.read_estimates(LATEX)["(2)"]
    assert (read.n, dict(read.stars)) == (131, {"*": 0.1, "**": 0.05, "***": 0.01})


def test_estimates_in_per_cent_have_that_unit_and_keep_their_sign_in_print(tmp_path):
    read = bt.read_estimates("term,estimate,se\nTarget,3.2%,1.1%\n")
    assert read.unit == "per cent" and read.printed.loc["Target", "estimate"] == "3.2%"
    assert "Estimates are printed in per cent, and are read so." in read.notes
    read.to_csv(tmp_path / "again.csv")
    assert bt.read_estimates(tmp_path / "again.csv").estimates.equals(read.estimates)
    assert bt.read_estimates("term,estimate,se\nTarget,3.2%,1.1%\n", unit="points").unit == "points"


@pytest.mark.parametrize(
    ("table", "asked"),
    [
        (
            "term,estimate,se\nTarget,3.2%,0.011\n",
            "expected a per cent sign here as well as in '3.2%', or in neither",
        ),
        (
            "term\testimate\t95% CI\nTarget\t-2.3\t-4.1 -0.5\n",
            "found '-4.1 -0.5', expected an interval such as .83 to .89",
        ),
        (
            "term\testimate\nTarget\t250 (40,60)\n",
            "'40,60' in brackets may be 40.60 or an interval from 40 to 60; say which (decimal=',' or '.')",
        ),
        ("term\testimate\nTarget\t0.95 ± 0.36\n", "to know what stands in brackets or behind ±"),
        ("term,SE,SE\nTarget,1,2\n", "found 'SE' 2 times"),
        (
            "Größe;Koeffizientt;Standartfehler\nZiel;0,9;0,3\n",
            "found the columns 'Größe', 'Koeffizientt', 'Standartfehler'; wanted one of se, variance, t, p, or low and high; did "
            "you mean columns={'Koeffizientt': 'estimate', 'Standartfehler': 'se'}?",
        ),
        (
            "Trial,Drug,Usual care\nA,4/123,11/139\n",
            "columns 'Drug' and 'Usual care' hold counts such as '4/123'; say which are those of the control: call its column "
            "'control n/N' and the other one 'treated n/N'",
        ),
        (
            RMA,
            "this is what R prints of a pooled model (Random-Effects Model of 13 estimates), expected a table",
        ),
        (RMA, "give two lines: 'term,estimate,se' and 'pooled,-0.7145,0.1798'"),
    ],
)
def test_what_can_mean_two_things_or_nothing_is_asked_about(table, asked):
    with pytest.raises(bt.DataError) as caught:
        bt.read_estimates(table)
    assert asked in str(caught.value)


def test_a_df_of_1_throughout_is_no_df_of_the_errors():
    read = bt.read_estimates(FORMS["SAS"][0])
    assert read.estimates["df"].tolist() == [math.inf]
    assert "Column 'DF' holds 1 throughout: not read as degrees of freedom of an error." in read.notes


def test_a_p_of_zero_is_a_bound_and_is_said():
    read = bt.read_estimates("term,estimate,p\nTarget,.42,.000\nSize,.1,.032\n", n=150)
    assert (
        math.isnan(read.estimates.loc["Target", "se"]) and 0 < read.estimates.loc["Target", "se_high"] < 0.12
    )
    assert any(
        "Only bounds of the standard error are known: Target (at most 0.1194" in note for note in read.notes
    )


@pytest.mark.parametrize(
    "table",
    [
        "trial,tpos,tneg,cpos,cneg\nA,4,119,11,128\n",
        "study,ai,bi,ci,di\nA,4,119,11,128\n",
        "Study,Events T,Total T,Events C,Total C\nA,4,123,11,139\n",
        "study,event.e,n.e,event.c,n.c\nA,4,123,11,139\n",
        "Study,Treatment n/N,Control n/N\nA,4/123,11/139\n",
        "Study,Treatment (n/N),Control (n/N)\nA,4 / 123,11 / 139\n",
    ],
)
def test_counts_by_arm_are_known_by_the_names_of_epidemiology(table):
    row = bt.read_evaluations(table, ratio="risk ratio").estimates.loc["A"]
    assert (row["estimate"], row["se"]) == (
        pytest.approx(math.log(4 / 123 / (11 / 139))),
        pytest.approx(math.sqrt(1 / 4 - 1 / 123 + 1 / 11 - 1 / 139)),
    )


@pytest.mark.parametrize(
    ("note", "levels"),
    [
        ("*, **, *** denote significance at the 10%, 5% and 1% levels", {"*": 0.1, "**": 0.05, "***": 0.01}),
        ("** denotes significance at the 5% level, * at the 10 per cent level", {"*": 0.1, "**": 0.05}),
        ("*** significant at 1%; ** significant at 5%", {"**": 0.05, "***": 0.01}),
        (
            "* and ** indicate statistical significance at the 5 and 1 per cent levels",
            {"*": 0.05, "**": 0.01},
        ),
        ("*Significant at the 5 percent level.", {"*": 0.05}),
        ("* and ** differ at the 5% level", {}),
    ],
)
def test_levels_of_stars_are_read_from_notes_in_words(note, levels):
    read = bt.read_estimates(f"\tScore\nTarget\t.95**\n\t(.16)\n{note}\nRobust s.e. in parentheses\n")
    assert dict(read.stars) == levels


@pytest.mark.parametrize(
    "cell", ["*" * 5000, "* " * 5000, "1 234" * 2000, "1," * 5000, "(" + "1" * 5000, "standard error " * 2000]
)
def test_long_cells_and_notes_cost_no_time(cell):
    started = time.process_time()
    with pytest.raises(bt.DataError):
        bt.read_estimates(f"# {cell}\nterm\testimate\tse\nTarget\t{cell}\t{cell}\n")
    assert time.process_time() - started < 1


def test_a_table_with_models_in_rows_says_how_it_was_read():
    text, options, *_ = FORMS["models in rows"]
    models = bt.read_estimates(text, **options)
    assert {heading: model.n for heading, model in models.items()} == {"Model 1": 150, "Model 2": 131}
    assert models["Model 1"].estimates.index.tolist() == ["Target", "Size"]
    for model in models.values():
        assert "The table has a model in each row and a term in each column, and was read so." in model.notes
