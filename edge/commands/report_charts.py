"""The drawings of a report, each as SVG: heat maps of the hours and a trend, with the words behind them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from edge.commands.report_hours import Hours, Period
from edge.labels import EMOTIONS, colours_of, in_chart_order
from edge.mqtt.messages import Device

_CELL, _GAP, _LEFT, _TOP = 30, 3, 92, 22
"""Of the heat maps, in units of their view box."""
_REASONS = {
    "too_few_people": "too few people",
    "counts_only": "this device only counts",
    "context": "not allowed in such a place",
    "unreadable": "no face could be read",
    "gathering": "visits are still gathered",
}

PEOPLE_KEY = (
    '<p class="key"><i class="scale"></i>nobody to the most people <i class="gap"></i>no window arrived '
    '<i class="blind"></i>no images</p>'
)
"""What the colours of ``people_cell`` mean."""


@dataclass(frozen=True, slots=True)
class Look:
    """The labels of one camera in the order in which they are drawn, and the colours of those that need one."""

    order: tuple[str, ...]
    colours: Mapping[str, str]

    @classmethod
    def of(cls, device: Device | None, periods: Iterable[Period]) -> Look:
        """The look of every label in ``periods``, of which the newest may be those of ``device``."""
        windows = (window for period in periods for window in period.windows)
        seen = dict.fromkeys(label for window in windows for label in window.emotions or ())
        labels = tuple(dict.fromkeys((*(label for label in (device.labels if device else ()) if label in seen), *seen)))
        order = in_chart_order(labels, (device.order or ()) if device else ())
        return cls(order, colours_of(labels, (device.colours or {}) if device else {}))

    def hue(self, label: str) -> str:
        """The class of what is drawn for ``label``."""
        return f"c{self.colours[label][1:]}" if label in self.colours else label if label in EMOTIONS else "other"

    @property
    def style(self) -> str:
        """The rules of the classes that are not in the style sheet."""
        return "".join(f".c{c[1:]} {{ fill: {c}; background: {c}; }}\n" for c in sorted(set(self.colours.values())))


Cell: TypeAlias = Callable[[Hours], tuple[str, str, str]]
"""How an hour is drawn: class, further attributes, and words."""


def heat_map(period: Period, cell: Cell) -> str:
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


def people_cell(period: Period) -> Cell:
    """Darker with more people, by the busiest hour of the period."""
    most = max((hour.at_once or 0.0 for hour in period.hours.values()), default=0.0) or 1.0

    def cell(hours: Hours) -> tuple[str, str, str]:
        if hours.at_once is None:
            return _no_data(hours)
        words = f"{number(hours.at_once)} in view, at most {hours.max_at_once}"
        if not hours.at_once:
            return "nobody", "", "nobody was seen"
        return "many", f' fill-opacity="{0.12 + 0.88 * hours.at_once / most:.2f}"', words

    return cell


def mood_cell(look: Look) -> Cell:
    """The strongest expression, or why there is none."""

    def cell(hours: Hours) -> tuple[str, str, str]:
        emotions, dominant = hours.emotions, hours.dominant
        if emotions and dominant:
            return look.hue(dominant), f' fill-opacity="{0.25 + 0.75 * emotions[dominant]:.2f}"', shares(hours)
        if hours.kind == "withheld":
            return "withheld", "", f"expressions withheld: {reasons(hours)}"
        return ("nobody", "", "nobody was seen") if hours.kind == "nobody" else _no_data(hours)

    return cell


def _no_data(hours: Hours) -> tuple[str, str, str]:
    if hours.kind == "gap":
        return "gap", "", "no window arrived"
    return "blind", "", "the camera delivered no images"


def mood_key(look: Look, emotions: Collection[str | None]) -> str:
    """What the colours mean, of those that are drawn."""
    words = [(look.hue(name), name) for name in look.order if name in emotions]
    words += [("withheld", "withheld"), ("nobody", "nobody"), ("gap", "no window arrived"), ("blind", "no images")]
    return f'<p class="key">{" ".join(f"<i class={kind!r}></i>{escape(word)}" for kind, word in words)}</p>'


def trend(period: Period, look: Look) -> str:
    """Columns of people above, the shares of the expressions below; what is not known is drawn as such."""
    if period.span == "day":
        bins = [(f"{hour}", period.hours[period.days[0], hour]) for hour in range(24)]
    else:
        name = "{0:%a} {0.day}" if period.span == "week" else "{0.day}"
        bins = [(name.format(day), hours) for day, hours in period.by_day().items()]
    most = max((hours.at_once or 0.0 for _, hours in bins), default=0.0) or 1.0
    step, upper, lower = 840 / len(bins), 90, 130
    marks = [f'<text class="axis" x="0" y="12">{number(most)} in view</text>']
    for place, (name, hours) in enumerate(bins):
        x, width = 20 + place * step, max(step - 4, 2)
        height = upper * (hours.at_once or 0.0) / most
        column = f'y="{20 + upper - height:.1f}" height="{height:.1f}"'
        marks.append(f'<rect class="people" x="{x:.1f}" width="{width:.1f}" {column}/>')
        y = 20 + upper + 8.0
        if emotions := hours.emotions:
            for emotion in (label for label in look.order if label in emotions):
                part = lower * emotions[emotion]
                box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{part:.1f}"'
                marks.append(
                    f'<rect class="{look.hue(emotion)}" {box}>'
                    f"<title>{escape(f'{name}: {shares(hours)}')}</title></rect>"
                )
                y += part
        elif hours.kind != "future":
            kind, _, words = mood_cell(look)(hours)
            box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{lower}"'
            marks.append(f'<rect class="{kind}" {box}><title>{escape(f"{name}: {words}")}</title></rect>')
        if len(bins) < 26 or place % 2 == 0:
            marks.append(f'<text class="hour" x="{x + width / 2:.1f}" y="{20 + upper + lower + 26}">{name}</text>')
    box = f"0 0 880 {20 + upper + lower + 34}"
    return f'<div class="wide"><svg viewBox="{box}" role="img">{"".join(marks)}</svg></div>'


def number(value: float | None) -> str:
    """With one decimal."""
    return "–" if value is None else f"{value:.1f}"


def shares(hours: Hours) -> str:
    """The three largest shares."""
    emotions = hours.emotions or {}
    best = sorted(emotions.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in best if share >= 0.05)


def reasons(hours: Hours) -> str:
    """Why expressions were withheld."""
    return ", ".join(sorted(_REASONS.get(reason, reason) for reason in hours.reasons)) or "none"
