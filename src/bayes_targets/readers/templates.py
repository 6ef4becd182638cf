"""Empty tables to fill in: what each kind of file holds, as comments above the headings."""

from __future__ import annotations

from ..errors import DataError, did_you_mean
from .estimates import estimates_template
from .evaluations import evaluations_template

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
    """The text of an empty CSV for an analysis of a user's own data.

    Examples
    --------
    >>> print(template("counts").splitlines()[-1])
    area,on target,within tolerance,off target
    """
    templates = {
        "table": estimates_template(),
        "pool": evaluations_template(),
        "authorities": AUTHORITIES,
        "counts": COUNTS,
    }
    if name not in templates:
        raise DataError(f"no template is named {name!r}: {did_you_mean(name, list(templates))}")
    return templates[name]
