"""Empty tables to fill in: what each kind of file holds, as comments above the headings."""

from __future__ import annotations

from ..errors import DataError, did_you_mean

ESTIMATES = """\
# A printed table of estimates: one row per term, with any one uncertainty. Lines that begin with # are comments.
# Header lines say what no table can; take the second # away to use one:
# # focus: Target
# # better: higher
# # smallest: 0.5
# # unit: points
# # n: 150
# # clusters: 12
# # ratio: odds ratio
# # assignment: lot
# # stars: *:.05 **:.01
#
# term      name of the term, once each; a reference category has Ref for an estimate
# estimate  slope as printed, or a ratio (then say which: odds ratio, risk ratio, hazard ratio, rate ratio)
# Any one or more of: se (standard error), variance, t, p (also <.001), low and high (ends of the interval; 95% unless a
# line level: 0.90 says otherwise), star. Optional: model (several printed models), df, scale (s.d. of the predictor), group
# Counts or means by arm instead of an estimate: events_treated, n_treated, events_control, n_control, or mean_treated,
# sd_treated, n_treated, mean_control, sd_control, n_control.
# Headings of R, Stata and Python are known too; --columns coef=estimate renames others.
# Then: python -m bayes_targets.run table --data FILE
term,estimate,se,p,low,high,star
"""

EVALUATIONS = """\
# Several evaluations to be pooled: one row per study. Lines that begin with # are comments.
# Header lines say what no table can; take the second # away to use one:
# # better: lower
# # smallest: 0.9
# # unit: visits a head
# # ratio: risk ratio
#
# study     name of the study, once each
# estimate  effect, all on one scale, with any one of: se, variance, t, p, low and high
# group     optional: studies of the same group are several estimates of one (with --correlation)
# Any other column of numbers describes the studies (a moderator), such as year below.
# Instead of estimate and se: events_treated, n_treated, events_control, n_control (say ratio or effect);
# mean_treated, sd_treated, n_treated, mean_control, sd_control, n_control; or r and n (correlations).
# Then: python -m bayes_targets.run pool --data FILE
study,estimate,se,group,year
"""

AUTHORITIES = """\
# Units with a score before and after, and who had a target: one row per unit.
# Lines that begin with # are comments. An empty cell is a missing value. UTF-8; commas, semicolons or tabs.
#
# authority       name of the unit; each name once
# authority_type  group that units are pooled in, such as the region or the kind of authority; two or more
# target          1 where the unit had a target, 0 where it had none (yes and no will do)
# baseline        score before
# outcome         score after, in the same unit as the baseline
#
# Optional columns: stretch (how far the target is above the baseline), n_baseline and n_outcome (respondents of each
# score), baseline_se and outcome_se (standard errors), and any number of controls, named with --controls.
# Columns under other names: --columns "Org name=authority" Region=authority_type
# Then: python -m bayes_targets.run authorities --data FILE
authority,authority_type,target,baseline,outcome
"""

COUNTS = """\
# Targets by area and status: one row per area, one column of counts per status, from best to worst.
# Lines that begin with # are comments. UTF-8; commas, semicolons or tabs.
#
# area    name of the area, service or group; each name once
# on target, within tolerance, off target
#         whole numbers; rename these columns, or take more or fewer of them. The order of red, amber and green and of
#         the three here is known; give any other with --statuses, best first
# total   optional: the sum of the row, which is checked
#
# A table with one row per area and status will do as well: columns area, status, count.
# Then: python -m bayes_targets.run counts --data FILE
area,on target,within tolerance,off target
"""


def template(name: str) -> str:
    """The text of an empty CSV for an analysis of a user's own data."""
    templates = {"table": ESTIMATES, "pool": EVALUATIONS, "authorities": AUTHORITIES, "counts": COUNTS}
    if name not in templates:
        raise DataError(f"no template is named {name!r}: {did_you_mean(name, list(templates))}")
    return templates[name]
