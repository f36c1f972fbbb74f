"""A CycloneDX bill of materials of an image, with the extra `sbom`; the same record gives the same bytes.

The only importer of cyclonedx. Its own random references, serial number and clock are replaced by values that
follow from the record (cyclonedx-python-lib, issue 227).
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

SBOM = "image.cdx.json"


def has_sbom() -> bool:
    """True when the extra is installed."""
    return find_spec("cyclonedx") is not None


def image_sbom(record: bytes, epoch: int) -> bytes:
    """The bill of materials for image.json's bytes; `epoch` is the time it carries, in seconds since 1970."""
    from cyclonedx.model.bom import Bom, BomMetaData  # noqa: PLC0415 - the extra `sbom`
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.output import make_outputter  # noqa: PLC0415
    from cyclonedx.schema import OutputFormat, SchemaVersion  # noqa: PLC0415

    facts = json.loads(record)
    name = f"{facts['stack']}-{facts['variant']}"
    whole = Component(name=name, type=ComponentType.FIRMWARE, version=facts["target"], bom_ref=name)
    bom = Bom(
        components=list(_components(facts)),
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, record.decode()),
        metadata=BomMetaData(component=whole, timestamp=datetime.fromtimestamp(epoch, UTC)),
    )
    bom.register_dependency(whole, bom.components)
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)
    return (text + "\n").encode()


def _components(facts: Mapping[str, Any]) -> Iterator[Any]:
    """One component for each file of the image, referred to by its path there."""
    from cyclonedx.model import HashAlgorithm, HashType, Property  # noqa: PLC0415
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    seen: set[str] = set()
    for row in facts.get("entries", ()):
        if row["path"] in seen:
            continue
        seen.add(row["path"])
        yield Component(
            name=row["path"],
            type=ComponentType.FILE,
            bom_ref=f"file:{row['path']}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=row["sha256"])],
            properties=[
                Property(name="hvbuild:source", value=row["source"]),
                Property(name="hvbuild:reason", value=row["reason"]),
            ],
        )
