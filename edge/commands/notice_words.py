"""The words of the sign that ``fer-edge notice`` prints, in each language.

A sentence may hold ``{seconds}`` or ``{minutes}`` as ``{period}``, ``{people}`` (how many share a mean) and
``{emotions}``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One language. ``days`` are the weekdays from Monday; ``emotions`` are in the order of ``EMOTIONS``."""

    moods: str
    counts: str
    measured: str
    counting: str
    expressions: str
    kept: str
    count: str
    room: str
    visits: str
    alone: str
    never: str
    pictures: str
    identities: str
    feelings: str
    closed: str
    button: str
    masked: str
    basis: str
    contact: str
    scan: str
    device: str
    law: str
    privacy_law: str
    seconds: str
    minutes: str
    days: tuple[str, ...]
    emotions: tuple[str, ...]


WORDS = {
    "en": Words(
        moods="Facial expressions are measured here",
        counts="People are counted here",
        measured="What is measured",
        counting="A camera counts the faces in view.",
        expressions="From each face a program on the device estimates the expression: {emotions}.",
        kept="What leaves the device",
        count="Every {period}: how many people were in view.",
        room="And the mean expression, of moments with at least {people} people in view.",
        visits="And the mean expression of every {people} visits, after they have ended.",
        alone="And the mean of their expressions, also that of somebody who is alone.",
        never="What never does",
        pictures="No picture is stored or sent, and there is no sound.",
        identities="Nobody is recognised, and no face is stored.",
        feelings="An expression is not a feeling, and the estimate is often wrong.",
        closed="The camera is closed: {hours}.",
        button="The button on the device closes the camera.",
        masked="Parts of the picture are black before anything looks at it.",
        basis="Why this is allowed here",
        contact="Questions and objections",
        scan="Scan to get in touch",
        device="Device and MQTT topic",
        law="Information under Article 50(3) of Regulation (EU) 2024/1689.",
        privacy_law="The contact gives all information under Article 13 of Regulation (EU) 2016/679.",
        seconds="{number} seconds",
        minutes="{number} minutes",
        days=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        emotions=("angry", "disgusted", "afraid", "happy", "sad", "surprised", "neutral"),
    ),
    "de": Words(
        moods="Hier werden Gesichtsausdrücke gemessen",
        counts="Hier werden Personen gezählt",
        measured="Was gemessen wird",
        counting="Eine Kamera zählt die Gesichter im Bild.",
        expressions="Aus jedem Gesicht schätzt ein Programm im Gerät den Ausdruck: {emotions}.",
        kept="Was das Gerät verlässt",
        count="Alle {period}: wie viele Personen im Bild waren.",
        room="Dazu der mittlere Ausdruck der Momente, in denen mindestens {people} Personen im Bild waren.",
        visits="Dazu der mittlere Ausdruck von je {people} Besuchen, nachdem sie zu Ende sind.",
        alone="Dazu der Mittelwert ihrer Ausdrücke, auch der einer einzelnen Person.",
        never="Was es nie verlässt",
        pictures="Kein Bild wird gespeichert oder gesendet, und es gibt keinen Ton.",
        identities="Niemand wird erkannt, und kein Gesicht wird gespeichert.",
        feelings="Ein Ausdruck ist kein Gefühl, und die Schätzung ist oft falsch.",
        closed="Die Kamera ist geschlossen: {hours}.",
        button="Der Knopf am Gerät schließt die Kamera.",
        masked="Teile des Bildes sind schwarz, bevor irgendetwas ausgewertet wird.",
        basis="Warum das hier erlaubt ist",
        contact="Fragen und Widerspruch",
        scan="Zum Kontakt scannen",
        device="Gerät und MQTT-Topic",
        law="Information nach Artikel 50 Absatz 3 der Verordnung (EU) 2024/1689.",
        privacy_law="Alle Informationen nach Artikel 13 der Verordnung (EU) 2016/679 gibt der Kontakt.",
        seconds="{number} Sekunden",
        minutes="{number} Minuten",
        days=("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"),
        emotions=("wütend", "angeekelt", "ängstlich", "fröhlich", "traurig", "überrascht", "neutral"),
    ),
    "fr": Words(
        moods="Ici, les expressions du visage sont mesurées",
        counts="Ici, les personnes sont comptées",
        measured="Ce qui est mesuré",
        counting="Une caméra compte les visages dans l’image.",
        expressions="Pour chaque visage, un programme dans l’appareil estime l’expression : {emotions}.",
        kept="Ce qui sort de l’appareil",
        count="Toutes les {period} : le nombre de personnes dans l’image.",
        room="Et l’expression moyenne des moments où au moins {people} personnes étaient dans l’image.",
        visits="Et l’expression moyenne de chaque groupe de {people} visites, une fois terminées.",
        alone="Et la moyenne de leurs expressions, y compris celle d’une personne seule.",
        never="Ce qui n’en sort jamais",
        pictures="Aucune image n’est enregistrée ni envoyée, et il n’y a pas de son.",
        identities="Personne n’est reconnu, et aucun visage n’est enregistré.",
        feelings="Une expression n’est pas un sentiment, et l’estimation est souvent fausse.",
        closed="La caméra est fermée : {hours}.",
        button="Le bouton de l’appareil ferme la caméra.",
        masked="Des parties de l’image sont noircies avant toute analyse.",
        basis="Pourquoi cela est permis ici",
        contact="Questions et opposition",
        scan="Scannez pour nous joindre",
        device="Appareil et sujet MQTT",
        law="Information selon l’article 50, paragraphe 3, du règlement (UE) 2024/1689.",
        privacy_law="Le contact donne toutes les informations selon l’article 13 du règlement (UE) 2016/679.",
        seconds="{number} secondes",
        minutes="{number} minutes",
        days=("lun", "mar", "mer", "jeu", "ven", "sam", "dim"),
        emotions=("colère", "dégoût", "peur", "joie", "tristesse", "surprise", "neutre"),
    ),
    "es": Words(
        moods="Aquí se miden expresiones faciales",
        counts="Aquí se cuentan personas",
        measured="Qué se mide",
        counting="Una cámara cuenta las caras en la imagen.",
        expressions="De cada cara, un programa en el dispositivo estima la expresión: {emotions}.",
        kept="Qué sale del dispositivo",
        count="Cada {period}: cuántas personas había en la imagen.",
        room="Y la expresión media de los momentos en que había al menos {people} personas en la imagen.",
        visits="Y la expresión media de cada {people} visitas, cuando han terminado.",
        alone="Y la media de sus expresiones, también la de una persona sola.",
        never="Qué no sale nunca",
        pictures="Ninguna imagen se guarda ni se envía, y no hay sonido.",
        identities="No se reconoce a nadie ni se guarda ninguna cara.",
        feelings="Una expresión no es un sentimiento, y la estimación es a menudo errónea.",
        closed="La cámara está cerrada: {hours}.",
        button="El botón del dispositivo cierra la cámara.",
        masked="Partes de la imagen se tapan en negro antes de analizarla.",
        basis="Por qué está permitido aquí",
        contact="Preguntas y oposición",
        scan="Escanee para contactar",
        device="Dispositivo y tema MQTT",
        law="Información según el artículo 50, apartado 3, del Reglamento (UE) 2024/1689.",
        privacy_law="El contacto da toda la información según el artículo 13 del Reglamento (UE) 2016/679.",
        seconds="{number} segundos",
        minutes="{number} minutos",
        days=("lun", "mar", "mié", "jue", "vie", "sáb", "dom"),
        emotions=("enfado", "asco", "miedo", "alegría", "tristeza", "sorpresa", "neutral"),
    ),
}
"""By the code of ISO 639-1."""
