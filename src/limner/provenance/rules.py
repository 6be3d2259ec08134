"""What is claimed of a picture, in the words of C2PA and IPTC. Pure.

Nothing of the caller is in it: no prompt, no name, no account. The task's id is, so that whoever runs this server can find
out more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from limner.provenance.models import Authority, Origin

SOFTWARE: Final = "limner"
TASK_LABEL: Final = "limner.task"
SIGNED_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp"})
"""What is signed; svg is text, which whoever serves it may rewrite in passing."""
_IPTC: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# Of a picture that an input went into: IPTC has a word of its own where what edited it was trained.
_EDITED_BY_TRAINED: Final = "compositeWithTrainedAlgorithmicMedia"
_EDITED_BY_OTHERS: Final = "compositeSynthetic"
LEAF_LIFE: Final = timedelta(days=10 * 365)
"""There is no time stamp from elsewhere in our signatures, so they are good for as long as their certificate: long."""
ROOT_LIFE: Final = timedelta(days=30 * 365)
_RENEWED_BEFORE: Final = timedelta(days=365)


def needs_renewal(authority: Authority, *, now: datetime) -> bool:
    """Whether its signing certificate ends so soon that another should sign from now on."""
    return authority.ends_at - now < _RENEWED_BEFORE


def source_type_of(origin: Origin) -> str:
    """IPTC's word for how the picture came to be."""
    if origin.inputs:
        return _EDITED_BY_TRAINED if origin.is_trained else _EDITED_BY_OTHERS
    return origin.source_type


def source_address(word: str) -> str:
    """The address that stands for one of IPTC's words."""
    return _IPTC + word


def source_word(address: str | None) -> str | None:
    """The word that such an address stands for; another vocabulary's address as it is."""
    return None if address is None else address.removeprefix(_IPTC)


def label_of(number: int) -> str:
    """By what actions refer to an input."""
    return f"input{number}"


def manifest(origin: Origin, *, version: str) -> dict[str, Any]:
    """The claim, as the C2PA library takes it; inputs are added apart, labelled `label_of` their number."""
    agent = {"name": SOFTWARE, "version": version}
    return {
        "claim_generator_info": [agent],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": _actions(origin, agent=agent)}},
            {"label": TASK_LABEL, "data": {"task": str(origin.task_id)}},
        ],
    }


def _actions(origin: Origin, *, agent: dict[str, str]) -> list[dict[str, Any]]:
    when = origin.made_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = {"softwareAgent": agent, "when": when, "digitalSourceType": source_address(source_type_of(origin))}
    if origin.is_foreign:
        # Who made it has said how; we have only taken it over, as it came.
        opened = {"action": "c2pa.opened", "when": when, "parameters": {"ingredientIds": [label_of(0)]}}
        return [opened, {"action": "c2pa.published", "softwareAgent": agent, "when": when}]
    if not origin.inputs:
        return [{"action": "c2pa.created", **made}]
    opened = {"action": "c2pa.opened", "when": when, "parameters": {"ingredientIds": [label_of(0)]}}
    edited = {"action": "c2pa.edited", **made}
    more = [label_of(number) for number in range(1, len(origin.inputs))]
    if more:
        edited["parameters"] = {"ingredientIds": more}
    return [opened, edited]


def xmp_packet(origin: Origin) -> str:
    """The same in short, as XMP, for programs that read no content credentials."""
    return _XMP.format(
        source=source_address(source_type_of(origin)),
        software=SOFTWARE,
        task=origin.task_id,
        when=origin.made_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


_XMP: Final = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="{source}" xmp:CreatorTool="{software}" xmp:CreateDate="{when}" dc:identifier="{task}"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""
