"""Checks on a table of counts: its lines, its total line, its percentages, and its sisters' margins."""

from __future__ import annotations

from collections.abc import Sequence

from .count_table import CountTable, Line, read_count_table, total_of
from .findings import CONSISTENT, INCONSISTENT, Check, Tables, either, exact_box, number, only_if
from .percentages import check_shares_of_100, rounding_rules

_SEPARATOR = " / "


def check_counts(name: str, tables: Tables) -> list[Check]:
    """All checks of one table with role ``"counts"``, also against earlier tables of its population.

    Parameters
    ----------
    name : str
        Name of the table.
    tables : mapping of str to DataFrame
        See `read_count_table`.

    Returns
    -------
    list of Check
    """
    table = read_count_table(name, tables[name])
    checks: list[Check] = []
    for line in (*table.lines, *([table.total_line] if table.total_line else [])):
        where = f"{table.locator}, {line.label}"
        checks += _check_row_sum(where, line)
        checks += _check_percents(where, table.statuses, line)
        checks += _check_percent_sum(where, line)
    checks += _check_column_sums(table)
    for other_name, other in tables.items():
        if other_name == name:
            break
        if other.attrs.get("role") == "counts" and table.population is not None:
            sister = read_count_table(other_name, other)
            if sister.population == table.population:
                checks += _check_margins(table, sister)
                checks += _check_grand_totals(table, sister)
    return checks


def _joined(values: Sequence[object]) -> str:
    return _SEPARATOR.join("-" if value is None else str(value) for value in values)


def _check_row_sum(where: str, line: Line) -> list[Check]:
    total = total_of(line.counts)
    if total is None or line.total is None:
        return []
    return [
        Check(
            "counts of a line add up to its total",
            where,
            f"{_joined(line.counts)}, total {line.total}",
            f"sum {total}",
            either(total == line.total),
        )
    ]


# ---- percentages ----------------------------------------------------------------------------------------


def _check_percents(where: str, statuses: Sequence[str], line: Line) -> list[Check]:
    cells = [
        (status, count, percent)
        for status, count, percent in zip(statuses, line.counts, line.percents, strict=True)
        if count is not None and percent is not None
    ]
    if not cells or not line.total:
        return []
    rules = [rounding_rules(count, line.total, percent) for _, count, percent in cells]
    words = [
        f"{count}/{line.total} = {number(100 * count / line.total, percent.decimals + 2)}"
        for _, count, percent in cells
    ]
    shared = set.intersection(*rules)
    verdict = CONSISTENT
    if {"half up", "half even"} & shared:
        if len({"half up", "half even"} & shared) == 1:
            words.append(f"a tie, rounded {'up' if 'half up' in shared else 'to the even digit'}")
    elif "cut off" in shared:
        verdict = only_if("the percentages are cut off, not rounded")
    else:
        verdict = INCONSISTENT
        wrong = [status for (status, _, _), rule in zip(cells, rules, strict=True) if not rule - {"cut off"}]
        words.append(f"does not round to the printed figure: {', '.join(wrong) or 'ties rounded both ways'}")
    printed = _joined([percent.text for _, _, percent in cells])
    return [Check("percentages against counts", where, printed, "; ".join(words), verdict)]


def _check_percent_sum(where: str, line: Line) -> list[Check]:
    shares = [percent for percent in line.percents if percent is not None]
    if not shares or len(shares) < len(line.percents):
        return []
    texts = [share.text for share in shares]
    boxes = [exact_box(share) for share in shares]
    return [check_shares_of_100("percentages of a line add up to 100", where, texts, boxes)]


# ---- margins --------------------------------------------------------------------------------------------


def _check_column_sums(table: CountTable) -> list[Check]:
    """Compare the lines' sums with the total line, column by column where the total line prints one."""
    if table.total_line is None:
        return []
    columns = [*table.statuses, "total"]
    sums = [
        *(table.margin(status) for status in table.statuses),
        total_of([line.total for line in table.lines]),
    ]
    printed = [*table.total_line.counts, table.total_line.total]
    pairs = [
        (column, told, added)
        for column, told, added in zip(columns, printed, sums, strict=True)
        if told is not None and added is not None
    ]
    if not pairs:
        return []
    return [
        Check(
            "lines add up to the total line",
            f"{table.locator}, {table.total_line.label}",
            f"{_joined([told for _, told, _ in pairs])} ({_joined([column for column, _, _ in pairs])})",
            f"sums {_joined([added for _, _, added in pairs])}",
            either(all(told == added for _, told, added in pairs)),
        )
    ]


def _check_margins(table: CountTable, sister: CountTable) -> list[Check]:
    """Column sums of two tables that count the same things."""
    triples = [
        (status, table.margin(status), sister.margin(status))
        for status in table.statuses
        if status in sister.statuses
    ]
    known = [(status, own, other) for status, own, other in triples if own is not None and other is not None]
    if not known:
        return []
    differences = [own - other for _, own, other in known]
    words = f"{sister.locator} adds up to {_joined([other for _, _, other in known])}"
    if any(differences):
        words += f"; differences {_joined([f'{difference:+d}' for difference in differences])}"
    return [
        Check(
            "margins of two tables of one population",
            f"{table.locator} against {sister.locator}",
            f"lines add up to {_joined([own for _, own, _ in known])} "
            f"({_joined([status for status, _, _ in known])})",
            words,
            either(not any(differences)),
        )
    ]


def _check_grand_totals(table: CountTable, sister: CountTable) -> list[Check]:
    own, other = table.grand_total, sister.grand_total
    if own is None or other is None:
        return []
    return [
        Check(
            "grand totals of two tables of one population",
            f"{table.locator} against {sister.locator}",
            f"total {own}",
            f"{sister.locator} has {other}",
            either(own == other),
        )
    ]
