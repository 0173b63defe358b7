"""The bill of materials: a CycloneDX 1.6 document of what a package carries."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

_CLASSIFIED = {"Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause", "MIT License": "MIT"}


def licence_of(metadata: Message) -> str:
    """The licence that a distribution's METADATA states, as an SPDX expression where it is one."""
    if stated := metadata["License-Expression"] or metadata["License"]:
        return {"Apache 2.0": "Apache-2.0"}.get(stated, str(stated).splitlines()[0])
    for classifier in metadata.get_all("Classifier", []):
        if classifier.startswith("License ::"):
            return _CLASSIFIED.get(classifier.split(" :: ")[-1], classifier.split(" :: ")[-1])
    raise ValueError(f"{metadata['Name']} {metadata['Version']} states no licence")


def distributions(site: Path) -> list[Message]:
    """METADATA of every distribution below ``site``, by name."""
    return [BytesHeaderParser().parsebytes(path.read_bytes()) for path in sorted(site.glob("*.dist-info/METADATA"))]


def bill(version: str, site: Path, wheels: Iterable[Path]) -> str:
    """The document for a package of ``version`` whose Python code lies in ``site`` and came from ``wheels``."""
    sha256 = {wheel.name.split("-")[0].lower(): hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels}
    main = Component(name="fer-edge", version=version, type=ComponentType.APPLICATION, bom_ref="fer-edge")
    main.licenses.add(LicenseFactory().make_from_string("MIT"))
    document = Bom()
    document.metadata.component = main
    parts = []
    for metadata in distributions(site):
        name, number = metadata["Name"], metadata["Version"]
        normalised = re.sub(r"[-_.]+", "-", name).lower()
        part = Component(
            name=name,
            version=number,
            type=ComponentType.LIBRARY,
            bom_ref=f"{normalised}=={number}",
            purl=PackageURL("pypi", None, normalised, number),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256[normalised.replace("-", "_")])],
        )
        part.licenses.add(LicenseFactory().make_from_string(licence_of(metadata)))
        parts.append(part)
    for manifest in sorted(site.glob("edge/models/**/model.json")):
        known = json.loads(manifest.read_bytes())
        parts.append(
            Component(
                name=known["id"],
                type=ComponentType.MACHINE_LEARNING_MODEL,
                bom_ref=f"model/{manifest.parent.relative_to(site / 'edge' / 'models').as_posix()}",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=known["sha256"])],
            )
        )
    for part in parts:
        document.components.add(part)
    document.register_dependency(main, parts)
    text = make_outputter(document, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)
    # A number of its own and the time would make every document another one.
    made = json.loads(text)
    made.pop("serialNumber")
    made["metadata"].pop("timestamp")
    return json.dumps(made, indent=1, sort_keys=True) + "\n"
