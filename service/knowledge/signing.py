"""A clinician's sign-off of a protocol file, and whether it is of the file as it is."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from service.domain.protocol import SignOff
from service.knowledge import schema as shape
from service.knowledge.files import Read

#: What may be written once the content is signed: it is not part of it.
_ABOUT = frozenset({"sign-off", "reviewer", "approval-date", "last-review-date"})


def content_digest(content: dict[str, Any]) -> str:
    """Return the digest of what a protocol file says: comments, order of keys and who signed it do not count."""
    said = {key: value for key, value in content.items() if key not in _ABOUT}
    return f"sha256:{hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()}"


def sign_off(file: Read[shape.ProtocolFile] | Read[shape.LocalProtocolFile]) -> SignOff | None:
    """Return the sign-off of a protocol file, or None."""
    line = file.content.sign_off
    if line is None:
        return None
    return SignOff(line.by, line.date, is_current=line.digest == content_digest(file.document.value))
