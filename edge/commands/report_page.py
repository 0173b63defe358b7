"""Draws a report as one HTML file without scripts: heat maps of the hours, a trend, and two periods compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from pathlib import Path
from typing import TypeAlias

from edge.commands.report_hours import Hours, Period
from edge.labels import EMOTIONS
from edge.mqtt.messages import Device

STYLE = Path(__file__).with_name("report.css")
ORDER = ("happy", "surprise", "neutral", "sad", "fear", "angry", "disgust")
"""As on the dashboard page."""

_CELL, _GAP, _LEFT, _TOP = 30, 3, 92, 22
"""Of the heat maps, in units of their view box."""
_REASONS = {
    "too_few_people": "too few people",
    "counts_only": "this device only counts",
    "context": "not allowed in such a place",
    "unreadable": "no face could be read",
    "gathering": "visits are still gathered",
}


_UNREAD = {
    "too_small": "that were too small",
    "blurred": "that were blurred",
    "dark": "that were too dark",
    "turned": "that were turned away",
}

Cell: TypeAlias = Callable[[Hours], tuple[str, str, str]]
"""How an hour is drawn: class, further attributes, and words."""


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


def render(sections: Sequence[Section]) -> str:
    """The page."""
    period = sections[0].period
    title = f"{_title(period)}, {sections[0].name if len(sections) == 1 else f'{len(sections)} rooms'}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{STYLE.read_text("utf-8")}</style>
</head>
<body>
<header><h1><span class="logo" aria-hidden="true"><i></i><i></i><i></i></span>{escape(_title(period))}</h1>
<p>Times in {escape(str(period.zone))}</p></header>
<main>
{"".join(_section(section) for section in sections)}</main>
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
    period, earlier = section.period, section.earlier
    then = _title(earlier)
    panels = {
        "People in view, by hour": _heat_map(period, _people_cell(period)) + _PEOPLE_KEY,
        "Strongest expression, by hour": _heat_map(period, _mood_cell)
        + _mood_key({hour.dominant for hour in period.hours.values()}),
        "Hour by hour" if period.span == "day" else "Day by day": _trend(period) + _mood_key(period.total.sums),
        f"Compared with {'the w' + then[1:] if period.span == 'week' else then}": _comparison(period, earlier),
    }
    where = section.camera if section.name != section.camera else ""
    drawn = "".join(
        f'<section class="panel"><h3>{escape(name)}</h3>{panel}</section>' for name, panel in panels.items()
    )
    return (
        f"<article><h2>{escape(section.name)} <small>{escape(where)}</small></h2>"
        f'<ul class="tiles">{_tiles(period)}</ul>{_left_out(period.total)}{drawn}</article>'
    )


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
        ("in view, as a mean", _number(total.at_once), f"at most {total.max_at_once}"),
        (
            "busiest hour",
            f"{busiest[0][1]}:00" if busiest[1].at_once else "–",
            f"{busiest[0][0]:%A}, {_number(busiest[1].at_once)} in view" if busiest[1].at_once else "",
        ),
        (
            "strongest expression",
            total.dominant or "–",
            _shares(total) if total.emotions else "none was published",
        ),
        ("measured", _share(total.looked_s, lasted_s), f"{_hours(total.looked_s)} of {_hours(lasted_s)}"),
        ("missing", _hours(missing_s), f"no window; {_hours(blind_s)} more without images" if blind_s else "no window"),
        ("expressions withheld", _hours(total.withheld_s), _why(total)),
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
        told.append(f"{total.still} faces that never moved, such as posters")
    return f'<p class="soft">Left out: {escape("; ".join(told))}.</p>' if told else ""


def _heat_map(period: Period, cell: Cell) -> str:
    """Days from top to bottom, hours from left to right."""
    days, step = period.days, _CELL + _GAP
    width, height = _LEFT + 24 * step, _TOP + len(days) * step
    marks = [
        f'<text class="hour" x="{_LEFT + hour * step + _CELL / 2}" y="14">{hour}</text>' for hour in range(0, 24, 2)
    ]
    for row, day in enumerate(days):
        y = _TOP + row * step
        weekend = " weekend" if day.weekday() >= 5 else ""
        marks.append(f'<text class="day{weekend}" x="0" y="{y + 20}">{day:%a} {day.day} {day:%b}</text>')
        for hour in range(24):
            hours = period.hours[day, hour]
            if hours.kind == "future":
                continue
            kind, style, words = cell(hours)
            place = f'x="{_LEFT + hour * step}" y="{y}" width="{_CELL}" height="{_CELL}" rx="5"'
            told = escape(f"{day:%a} {day.day} {day:%b}, {hour}:00: {words}")
            marks.append(f'<rect class="{kind}" {place}{style}><title>{told}</title></rect>')
    return f'<div class="wide"><svg viewBox="0 0 {width} {height}" role="img">{"".join(marks)}</svg></div>'


def _people_cell(period: Period) -> Cell:
    most = max((hour.at_once or 0.0 for hour in period.hours.values()), default=0.0) or 1.0

    def cell(hours: Hours) -> tuple[str, str, str]:
        if hours.at_once is None:
            return _no_data(hours)
        words = f"{_number(hours.at_once)} in view, at most {hours.max_at_once}"
        if not hours.at_once:
            return "nobody", "", "nobody was seen"
        return "many", f' fill-opacity="{0.12 + 0.88 * hours.at_once / most:.2f}"', words

    return cell


def _mood_cell(hours: Hours) -> tuple[str, str, str]:
    emotions, dominant = hours.emotions, hours.dominant
    if emotions and dominant:
        name = dominant if dominant in EMOTIONS else "other"
        return name, f' fill-opacity="{0.25 + 0.75 * emotions[dominant]:.2f}"', _shares(hours)
    if hours.kind == "withheld":
        return "withheld", "", f"expressions withheld: {_why(hours)}"
    return ("nobody", "", "nobody was seen") if hours.kind == "nobody" else _no_data(hours)


def _no_data(hours: Hours) -> tuple[str, str, str]:
    if hours.kind == "gap":
        return "gap", "", "no window arrived"
    return "blind", "", "the camera delivered no images"


_PEOPLE_KEY = (
    '<p class="key"><i class="scale"></i>nobody to the most people <i class="gap"></i>no window arrived '
    '<i class="blind"></i>no images</p>'
)


def _mood_key(emotions: Iterable[str | None]) -> str:
    words = {name: name for name in ORDER if name in emotions}
    words |= {"withheld": "withheld", "nobody": "nobody", "gap": "no window arrived", "blind": "no images"}
    return f'<p class="key">{" ".join(f"<i class={kind!r}></i>{word}" for kind, word in words.items())}</p>'


def _trend(period: Period) -> str:
    """Columns of people above, the shares of the expressions below; what is not known is drawn as such."""
    if period.span == "day":
        bins = [(f"{hour}", period.hours[period.days[0], hour]) for hour in range(24)]
    else:
        name = "{0:%a} {0.day}" if period.span == "week" else "{0.day}"
        bins = [(name.format(day), hours) for day, hours in period.by_day().items()]
    most = max((hours.at_once or 0.0 for _, hours in bins), default=0.0) or 1.0
    step, upper, lower = 840 / len(bins), 90, 130
    marks = [f'<text class="axis" x="0" y="12">{_number(most)} in view</text>']
    for number, (name, hours) in enumerate(bins):
        x, width = 20 + number * step, max(step - 4, 2)
        height = upper * (hours.at_once or 0.0) / most
        column = f'y="{20 + upper - height:.1f}" height="{height:.1f}"'
        marks.append(f'<rect class="people" x="{x:.1f}" width="{width:.1f}" {column}/>')
        y = 20 + upper + 8.0
        if emotions := hours.emotions:
            for emotion in ORDER:
                part = lower * emotions.get(emotion, 0.0)
                marks.append(
                    f'<rect class="{emotion}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{part:.1f}">'
                    f"<title>{escape(f'{name}: {_shares(hours)}')}</title></rect>"
                )
                y += part
        elif hours.kind != "future":
            kind, _, words = _mood_cell(hours)
            place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{lower}"'
            marks.append(f'<rect class="{kind}" {place}><title>{escape(f"{name}: {words}")}</title></rect>')
        if len(bins) < 26 or number % 2 == 0:
            marks.append(f'<text class="hour" x="{x + width / 2:.1f}" y="{20 + upper + lower + 26}">{name}</text>')
    box = f"0 0 880 {20 + upper + lower + 34}"
    return f'<div class="wide"><svg viewBox="{box}" role="img">{"".join(marks)}</svg></div>'


def _comparison(period: Period, earlier: Period) -> str:
    now, before = period.total, earlier.total
    if not before.windows:
        return '<p class="soft">There is no window of that time in the record.</p>'
    rows = [
        _row("in view, as a mean", now.at_once, before.at_once, _number),
        _row("most at once", float(now.max_at_once), float(before.max_at_once), lambda value: f"{value or 0:.0f}"),
        _row("hours measured", now.looked_s / 3600, before.looked_s / 3600, _number),
        _row("hours withheld", now.withheld_s / 3600, before.withheld_s / 3600, _number),
    ]
    ours, theirs = now.emotions, before.emotions
    for name in ORDER:
        share = 100 * ours.get(name, 0.0) if ours else None
        then = 100 * theirs.get(name, 0.0) if theirs else None
        rows.append(_row(name, share, then, lambda value: "–" if value is None else f"{value:.0f} %", name))
    return (
        "<table><thead><tr><th></th><th>this time</th><th>then</th><th>difference</th><th></th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _row(name: str, now: float | None, before: float | None, form: Callable[[float | None], str], hue: str = "") -> str:
    change = f"{now - before:+.1f}" if now is not None and before is not None else "–"
    bars = ""
    if hue:
        bars = "".join(
            f'<svg class="bar {hue}"><rect width="{value or 0:.1f}%" height="100%"/></svg>' for value in (now, before)
        )
    return (
        f"<tr><th>{escape(name)}</th><td>{form(now)}</td><td>{form(before)}</td><td>{change}</td>"
        f'<td class="bars">{bars}</td></tr>'
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _share(part: float, whole: float) -> str:
    return f"{100 * min(part / whole, 1.0):.0f} %" if whole else "–"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 36_000 or seconds == 0 else f"{seconds / 3600:.1f} h"


def _shares(hours: Hours) -> str:
    emotions = hours.emotions or {}
    best = sorted(emotions.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in best if share >= 0.05)


def _why(hours: Hours) -> str:
    return ", ".join(sorted(_REASONS.get(reason, reason) for reason in hours.reasons)) or "none"
