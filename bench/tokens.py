"""Client tokens for the bench: a client file, a key, and a fresh token for each call."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

BASE, ISSUER = "https://cds.example", "https://ehr.example"
ALGORITHMS = ("ES384", "RS384")
_CLIENTS = f"""issuers:
  - issuer: {ISSUER}
    keys-file: keys.json
    algorithms: [ES384, RS384]
    clients: [{{name: bench, protocol: us-aafp, rate: 1000000/minute}}]
"""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs the token of each call of one path; as JSON, so that it can travel to the client's process."""

    algorithm: str
    private: bytes
    path: str

    def token(self) -> str:
        """Return a token that was never used."""
        now = int(time.time())
        said = {"iss": ISSUER, "aud": BASE + self.path, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
        header = {"alg": self.algorithm, "kid": self.algorithm, "typ": "JWT"}
        key = _key(self.algorithm, self.private)
        return jws.serialize_compact(header, msgspec.json.encode(said), key, algorithms=[self.algorithm])


@cache
def _key(algorithm: str, private: bytes) -> ECKey | RSAKey:
    kind = ECKey if algorithm.startswith("ES") else RSAKey
    return kind.import_key(msgspec.json.decode(private))


def signers(site: Path, path: str) -> tuple[Path, list[Signer]]:
    """Write a clients' file and its keys into a folder; return the file and a signer of each algorithm."""
    keys = {"ES384": ECKey.generate_key("P-384"), "RS384": RSAKey.generate_key(2048)}
    public = [{**key.as_dict(private=False), "kid": name} for name, key in keys.items()]
    (site / "keys.json").write_bytes(msgspec.json.encode({"keys": public}))
    (site / "clients.yaml").write_text(_CLIENTS, encoding="utf-8")
    private = {name: msgspec.json.encode(key.as_dict(private=True)) for name, key in keys.items()}
    return site / "clients.yaml", [Signer(name, private[name], path) for name in ALGORITHMS]
