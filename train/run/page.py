"""Renders a report as one HTML page from a Jinja template."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values: object) -> str:
    """The page that ``template``, a path inside the package such as ``classifier/report.html.j2``, makes of ``values``.

    Values are escaped. The template extends ``run/page.html.j2``, which takes ``title`` and ``subtitle``.
    """
    return _TEMPLATES.get_template(template).render(values)
