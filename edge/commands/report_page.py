"""A report as one HTML file without scripts: figures, drawings and a comparison of two periods for each camera."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from pathlib import Path

from edge.commands.report_charts import (
    PEOPLE_KEY,
    Look,
    heat_map,
    mood_cell,
    mood_key,
    number,
    people_cell,
    reasons,
    shares,
    trend,
)
from edge.commands.report_hours import Hours, Period
from edge.mqtt.messages import Device

STYLE = Path(__file__).with_name("report.css")
_UNREAD = {
    "too_small": "that were too small",
    "blurred": "that were blurred",
    "dark": "that were too dark",
    "turned": "that were turned away",
}


@dataclass(frozen=True, slots=True)
class Section:
    """One camera: ``device/source``, what its device says of itself, the period, and the one to compare with."""

    camera: str
    device: Device | None
    period: Period
    earlier: Period

    @property
    def name(self) -> str:
        """The room or site, else the camera."""
        context = self.device.context if self.device else None
        return (context and (context.room or context.site)) or self.camera

    @property
    def look(self) -> Look:
        """How its labels are drawn."""
        return Look.of(self.device, (self.period, self.earlier))


def render(sections: Sequence[Section]) -> str:
    """The page. Cameras of which no window arrived are named at its end."""
    period = sections[0].period
    heard = [section for section in sections if section.period.windows]
    title = f"{_title(period)}, {heard[0].name if len(heard) == 1 else f'{len(heard)} cameras'}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{STYLE.read_text("utf-8")}{"".join({section.look.style: "" for section in heard})}</style>
</head>
<body>
<header><h1><span class="logo" aria-hidden="true"><i></i><i></i><i></i></span>{escape(_title(period))}</h1>
<p>Times in {escape(str(period.zone))}</p></header>
<main>
{"".join(_section(section) for section in heard)}{_silent([s for s in sections if not s.period.windows])}</main>
<footer>Expressions are not feelings. These are means over rooms and hours, and no figure is about one person.</footer>
<svg width="0" height="0" aria-hidden="true"><defs>
<pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<line class="gap-line" y2="6"/></pattern>
<pattern id="withheld" width="5" height="5" patternUnits="userSpaceOnUse">
<circle class="withheld-dot" cx="2.5" cy="2.5" r="1"/></pattern>
</defs></svg>
</body>
</html>
"""


def _section(section: Section) -> str:
    period, earlier, look = section.period, section.earlier, section.look
    then = _title(earlier)
    shown = {name for mood in period.total.moods.values() for name, total in mood.sums.items() if total}
    panels = {
        "People in view, by hour": heat_map(period, people_cell(period)) + PEOPLE_KEY,
        "Strongest expression, by hour": heat_map(period, mood_cell(look))
        + mood_key(look, {hour.dominant for hour in period.hours.values()}),
        "Hour by hour" if period.span == "day" else "Day by day": trend(period, look) + mood_key(look, shown),
        f"Compared with {'the w' + then[1:] if period.span == 'week' else then}": _comparison(period, earlier, look),
    }
    where = section.camera if section.name != section.camera else ""
    drawn = "".join(
        f'<section class="panel"><h3>{escape(name)}</h3>{panel}</section>' for name, panel in panels.items()
    )
    return (
        f"<article><h2>{escape(section.name)} <small>{escape(where)}</small></h2>"
        f'<ul class="tiles">{_tiles(period)}</ul>{_left_out(period.total)}{_labels(period.total, look)}'
        f"{drawn}</article>"
    )


def _silent(sections: Sequence[Section]) -> str:
    """The cameras that are in the record, and not in this period; nothing where there are none."""
    if not sections:
        return ""
    names = ", ".join(
        section.camera if section.name == section.camera else f"{section.name} ({section.camera})"
        for section in sections
    )
    return f'<p class="soft silent">No window arrived in this time from {escape(names)}.</p>'


def _title(period: Period) -> str:
    first, last = period.start.date(), period.end.date() - timedelta(days=1)
    if period.span == "day":
        return f"{first:%A}, {_day(first)} {first.year}"
    if period.span == "month":
        return f"{first:%B} {first.year}"
    return f"Week from {_day(first)} to {_day(last)} {last.year}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"


def _tiles(period: Period) -> str:
    total = period.total
    busiest = max(period.hours.items(), key=lambda item: item[1].at_once or 0.0)
    lasted_s = sum(3600 for hour in period.hours.values() if hour.kind != "future")
    missing_s = max(lasted_s - total.covered_s, 0.0)
    blind_s = total.covered_s - total.looked_s
    tiles = [
        ("in view, as a mean", number(total.at_once), f"at most {total.max_at_once}"),
        (
            "busiest hour",
            f"{busiest[0][1]}:00" if busiest[1].at_once else "–",
            f"{busiest[0][0]:%A}, {number(busiest[1].at_once)} in view" if busiest[1].at_once else "",
        ),
        (
            "strongest expression",
            total.dominant or "–",
            shares(total) if total.emotions else "none was published",
        ),
        ("measured", _share(total.looked_s, lasted_s), f"{_hours(total.looked_s)} of {_hours(lasted_s)}"),
        ("missing", _hours(missing_s), f"no window; {_hours(blind_s)} more without images" if blind_s else "no window"),
        ("expressions withheld", _hours(total.withheld_s), reasons(total)),
    ]
    return "".join(
        f"<li><span>{escape(name)}</span><b>{escape(value)}</b><small>{escape(more)}</small></li>"
        for name, value, more in tiles
    )


def _left_out(total: Hours) -> str:
    """What was seen and is in no figure; nothing where there is nothing."""
    told = [
        f"{count} readings of faces {_UNREAD.get(reason, reason)}" for reason, count in total.unread.items() if count
    ]
    if total.still:
        told.append(f"{total.still} face{'s' * (total.still != 1)} that never moved, such as posters")
    return f'<p class="soft">Left out: {escape("; ".join(told))}.</p>' if told else ""


def _labels(total: Hours, look: Look) -> str:
    """That models with different labels ran, and how that is drawn; nothing where one set was all."""
    if len(total.moods) < 2:
        return ""
    sets = [
        f"{', '.join(name for name in look.order if name in labels)} ({mood.windows} window{'s' * (mood.windows > 1)})"
        for labels, mood in sorted(total.moods.items(), key=lambda item: -item[1].weight)
    ]
    return (
        f'<p class="soft labels">Models with different labels ran in this time: {escape("; ".join(sets))}. '
        "Their shares are never added up. The figures, and each hour and day, are of the one that saw most people in "
        "it.</p>"
    )


def _comparison(period: Period, earlier: Period, look: Look) -> str:
    now, before = period.total, earlier.total
    if not before.windows:
        return '<p class="soft">There is no window of that time in the record.</p>'
    rows = [
        _row("in view, as a mean", now.at_once, before.at_once, 1),
        _row("most at once", now.max_at_once, before.max_at_once, 0),
        _row("measured", now.looked_s / 3600, before.looked_s / 3600, 1, "h"),
        _row("expressions withheld", now.withheld_s / 3600, before.withheld_s / 3600, 1, "h"),
    ]
    for name, share, then_share in _pairs(now.emotions or {}, before.emotions or {}, look):
        rows.append(_row(name, share, then_share, 0, "%", hue=look.hue(name)))
    return (
        "<table><thead><tr><th></th><th>this time</th><th>then</th><th>difference</th><th></th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _pairs(
    ours: Mapping[str, float], theirs: Mapping[str, float], look: Look
) -> Iterator[tuple[str, float | None, float | None]]:
    """Each label with its percentages of both times. Where the labels differ, no share has its like then."""
    comparable = not ours or not theirs or ours.keys() == theirs.keys()
    for now, then in ((ours, theirs),) if comparable else ((ours, {}), ({}, theirs)):
        for name in (label for label in look.order if label in now or label in then):
            yield name, _percent(now.get(name)), _percent(then.get(name))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _row(name: str, now: float | None, before: float | None, decimals: int, unit: str = "", hue: str = "") -> str:
    """One figure of both periods. The difference is that of the rounded figures, so that the row adds up."""
    then, this = (None if value is None else round(value, decimals) for value in (before, now))
    change = "–" if this is None or then is None else _figure(this - then, f"+.{decimals}f", unit and DIFFERENCE[unit])
    cells = [*(("–" if value is None else _figure(value, f".{decimals}f", unit)) for value in (this, then)), change]
    bars = ""
    if hue:
        bars = "".join(
            f'<svg class="bar {hue}"><rect width="{value or 0:.1f}%" height="100%"/></svg>' for value in (now, before)
        )
    return (
        f'<tr><th>{escape(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}<td class="bars">{bars}</td></tr>'
    )


DIFFERENCE = {"h": "h", "%": "points"}
"""The unit of the difference of two figures: two shares differ by percentage points."""


def _figure(value: float, form: str, unit: str) -> str:
    """``value`` with its unit; a difference of nothing has no sign."""
    shown = f"{value:{form}}"
    shown = shown.lstrip("+-") if not float(shown) else shown.replace("-", "−")
    return f"{shown} {unit}".rstrip()


def _share(part: float, whole: float) -> str:
    return f"{100 * min(part / whole, 1.0):.0f} %" if whole else "–"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 36_000 or seconds == 0 else f"{seconds / 3600:.1f} h"
