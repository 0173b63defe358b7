"""``fer-edge notice``: the sign that tells people what is measured, one page of A4 to print from a browser.

It says what the configuration makes the device do, so print it again when that changes. The only importer of segno.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from edge.commands.notice_words import WORDS, Words
from edge.config import LIGHT, Config, device_id
from edge.errors import ConfigError, ModelError
from edge.labels import EMOTIONS
from edge.model.classifier_manifest import ClassifierManifest
from edge.model.store import find_store
from edge.mqtt.messages import BASE_TOPIC

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_PAGE = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
@page {{ size: A4 portrait; margin: 0 }}
* {{ box-sizing: border-box; margin: 0 }}
html {{ background: #ddd }}
body {{
  display: flex; flex-direction: column; gap: 4.6mm; width: 210mm; height: 296.5mm; margin: 0 auto; padding: 0 18mm 9mm;
  background: #fff; color: #111; font: 12.2pt/1.3 system-ui, "Noto Sans", "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; -webkit-print-color-adjust: exact; print-color-adjust: exact;
}}
header {{ display: flex; align-items: center; gap: 9mm; margin: 0 -18mm; padding: 9mm 18mm; background: #10243e }}
header svg {{ flex: none; width: 34mm }}
header * {{ color: #fff }}
h1 {{ font-size: 28pt; line-height: 1.12; overflow-wrap: normal; hyphens: auto }}
header p {{ margin-top: 2mm; font-size: 14pt; max-height: 2.7em; overflow: hidden }}
h2 {{ font-size: 15pt; margin-bottom: 1mm }}
ul {{ padding-left: 5mm }}
.basis, .feelings {{ padding: 3mm 5mm; border-left: 2mm solid #10243e; background: #eef2f7 }}
.feelings {{ font-weight: 600 }}
footer {{ display: flex; gap: 8mm; align-items: center; margin-top: auto }}
footer {{ padding-top: 4mm; border-top: .6mm solid #111 }}
footer figure {{ flex: none; width: 40mm; text-align: center; font-size: 9pt }}
footer figure svg {{ display: block; width: 100%; height: auto }}
.contact {{ font-size: 14pt; font-weight: 600; margin-bottom: 3mm }}
.small {{ font-size: 9.5pt; color: #333 }}
@media print {{ html {{ background: none }} }}
</style>
</head>
<body>
<header>
<svg viewBox="0 0 64 64" fill="none" stroke="#fff" stroke-width="3" aria-hidden="true">
<rect x="3" y="15" width="58" height="40" rx="6"/><path d="M20 15l5-8h14l5 8"/><circle cx="32" cy="35" r="13"/>
<circle cx="27.5" cy="32.5" r="1.2" fill="#fff"/><circle cx="36.5" cy="32.5" r="1.2" fill="#fff"/>
<path d="M26.5 39.5h11"/>
</svg>
<div><h1>{title}</h1>{place}</div>
</header>
{sections}
<footer>{code}<div><h2>{contact_title}</h2><p class="contact">{contact}</p>
<p class="small">{device_title}: {topic}</p><p class="small">{law}</p></div></footer>
</body>
</html>
"""


def notice(config: Config, language: str) -> str:
    """The sign as an HTML document that needs nothing else; ``language`` is one of ``WORDS``.

    Raises:
        ConfigError: nobody is named whom people may ask, or the device has no id.
    """
    words, contact = WORDS[language], config.deployment.contact
    if not contact:
        raise ConfigError(
            "deployment.contact is empty; name whom people may ask: an e-mail address, a web address or a phone number"
        )
    moods = config.counts_only is None
    place = ", ".join(part for part in (config.device.room, config.device.site) if part)
    laws = (words.law, words.privacy_law) if moods else (words.privacy_law,)
    return _PAGE.format(
        language=language,
        title=escape(words.moods if moods else words.counts),
        place=f"<p>{escape(place)}</p>" if place else "",
        sections="\n".join(_sections(config, words, moods=moods)),
        code=f"<figure>{_qr(_address(contact))}<figcaption>{escape(words.scan)}</figcaption></figure>",
        contact_title=escape(words.contact),
        contact=escape(contact),
        device_title=escape(words.device),
        topic=escape(f"{BASE_TOPIC}/{device_id(config.device)}/#"),
        law=escape(" ".join(laws)),
    )


def _sections(config: Config, words: Words, *, moods: bool) -> list[str]:
    measured, leaves = [words.counting], [words.count.format(period=_period(config.window.duration_s, words))]
    if moods:
        measured.append(_expressions(config, words))
        leaves.append(_mean(config, words))
    closed = []
    if config.privacy.quiet_hours:
        closed.append(words.closed.format(hours=_hours(config.privacy.quiet_hours, words)))
    if config.privacy.pause_button:
        closed.append(words.button)
    if config.camera.mask:
        closed.append(words.masked)
    sections = [
        _section(words.measured, measured + closed),
        _section(words.kept, leaves),
        _section(words.never, [words.pictures, words.identities]),
    ]
    if moods:
        sections.append(f'<p class="feelings">{escape(words.feelings)}</p>')
    if moods and config.deployment.lawful_basis:
        title, reason = escape(words.basis), escape(config.deployment.lawful_basis)
        sections.append(f'<section class="basis"><h2>{title}</h2><p>{reason}</p></section>')
    return sections


def _section(title: str, sentences: list[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f"<section><h2>{escape(title)}</h2><ul>{items}</ul></section>"


def _expressions(config: Config, words: Words) -> str:
    """What is estimated: the labels of the model, those that we know in the language. Of a model that is not on this
    machine it is not said which.
    """
    translated = dict(zip(EMOTIONS, words.emotions, strict=True))
    if labels := _labels(config):
        return words.expressions.format(emotions=", ".join(translated.get(label, label) for label in labels))
    return re.sub(r"\s*:\s*\{emotions\}", "", words.expressions)


def _labels(config: Config) -> tuple[str, ...]:
    """The labels that the configured model publishes; none where it cannot be read."""
    own = config.model.folder not in ("", LIGHT)
    folder = Path(config.model.folder) if own else find_store("classifier").current
    if folder is None or config.model.folder == LIGHT:
        return EMOTIONS
    try:
        manifest = ClassifierManifest.from_json((folder / "model.json").read_bytes(), folder / "model.json")
    except (OSError, ModelError):
        return ()
    heads = {head.name: head for head in manifest.heads}
    return manifest.labels_of(heads.get(config.model.head, manifest.heads[0]))


def _mean(config: Config, words: Words) -> str:
    privacy = config.privacy
    if privacy.min_people == 1:
        return words.alone
    return (words.visits if privacy.mode == "visits" else words.room).format(people=privacy.min_people)


def _period(duration_s: float, words: Words) -> str:
    minutes, seconds = divmod(duration_s, 60)
    if minutes >= 2 and not seconds:
        return words.minutes.format(number=f"{minutes:g}")
    return words.seconds.format(number=f"{duration_s:g}")


def _hours(periods: tuple[str, ...], words: Words) -> str:
    """The quiet hours with the weekdays of the language."""
    text = "; ".join(" ".join(period.lower().replace(",", ", ").split()) for period in periods)
    for code, name in zip(_DAYS, words.days, strict=True):
        text = re.sub(rf"\b{code}\b", name, text)
    return text.replace("-", "–")


def _address(contact: str) -> str:
    """What a phone does with the QR code: write, call or open a page; else it shows the text."""
    if re.fullmatch(r"[^@\s:/]+@[^@\s:/]+", contact):
        return f"mailto:{contact}"
    if re.fullmatch(r"[+0-9][-0-9 ()/.]{4,}", contact):
        return "tel:" + re.sub(r"[^+0-9]", "", contact)
    if re.match(r"www\.\S+$", contact):
        return f"https://{contact}"
    return contact


def _qr(text: str) -> str:
    """A QR code as SVG, to be read from a metre away in bad light."""
    import segno

    return segno.make_qr(text, error="m").svg_inline(omitsize=True, border=2)
