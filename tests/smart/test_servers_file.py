"""The file of servers that may launch the app: what it says, and each mistake with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from service.knowledge.strict_yaml import KnowledgeError
from service.smart.servers import Servers, servers_in

PUBLIC = "{fhir: https://ehr.example/fhir, name: North, client-id: b12}"


def written(folder: Path, *lines: str) -> Path:
    file = folder / "smart.yaml"
    file.write_text("servers:\n" + "".join(f"  - {line}\n" for line in lines), encoding="utf-8")
    return file


def test_a_public_app_needs_an_address_a_name_and_its_id(tmp_path: Path) -> None:
    (server,) = servers_in(written(tmp_path, PUBLIC))

    assert (server.fhir, server.name, server.client_id) == ("https://ehr.example/fhir", "North", "b12")
    assert (server.secret, server.key) == (None, None)


def test_a_secret_and_a_key_are_read_from_files_beside_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / "key.json").write_text(json.dumps(RSAKey.generate_key(2048, {"kid": "r"}).as_dict(private=True)))
    one, two = servers_in(
        written(
            tmp_path,
            "{fhir: https://a.example/fhir, name: A, client-id: b12, secret-file: secret}",
            "{fhir: https://b.example/fhir, name: B, client-id: b12, key-file: key.json}",
        )
    )

    assert (one.secret, two.algorithm) == ("s3cret", "RS384")
    assert "s3cret" not in repr(one)
    assert "key" not in repr(two)


@pytest.mark.parametrize("spelt", ["https://ehr.example/fhir/", "https://EHR.example:443/fhir"])
def test_a_server_is_found_however_its_address_is_spelt(tmp_path: Path, spelt: str) -> None:
    servers = Servers(servers_in(written(tmp_path, PUBLIC)))

    found = servers.find(spelt)
    assert found is not None
    assert found.name == "North"


@pytest.mark.parametrize(
    "stranger", ["https://ehr.example/fhir2", "https://ehr.example/fhir/x", "http://ehr.example/fhir", ""]
)
def test_another_address_is_a_stranger(tmp_path: Path, stranger: str) -> None:
    assert Servers(servers_in(written(tmp_path, PUBLIC))).find(stranger) is None


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("{fhir: http://ehr.example/fhir, name: A, client-id: b12}",), ":2: .*https only"),
        ((PUBLIC, PUBLIC), ":3: .*stands twice"),
        (("{fhir: https://a.example/fhir, name: A}",), ":2: .*client-id"),
        (("{fhir: https://a.example/fhir, name: A, client-id: b, secret: x}",), ":2: .*secret.*not known"),
        (("{fhir: https://a.example/fhir, name: A, client-id: b, secret-file: gone}",), ":2: gone: cannot be read"),
        (("{fhir: https://a.example/fhir, name: A, client-id: b, secret-file: empty}",), ":2: empty is empty"),
        (("{fhir: https://a.example/fhir, name: A, client-id: b, key-file: public.json}",), ":2: .*private key"),
        (("{fhir: https://a.example/fhir, name: A, client-id: b, key-file: nokid.json}",), ":2: .*kid"),
        (("{fhir: https://a.example/fhir, name: A, client-id: b, key-file: oct.json}",), ":2: .*EC or RSA"),
        (("{fhir: https://a.example/fhir, name: A, client-id: b, key-file: empty}",), ":2: .*EC or RSA"),
        (
            ("{fhir: https://a.example/fhir, name: A, client-id: b, key-file: k, secret-file: s}",),
            ":2: .*either",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, lines: tuple[str, ...], says: str) -> None:
    key = ECKey.generate_key("P-384", {"kid": "e"})
    (tmp_path / "empty").touch()
    (tmp_path / "public.json").write_text(json.dumps(key.as_dict(private=False)))
    (tmp_path / "nokid.json").write_text(json.dumps(ECKey.generate_key("P-384").as_dict(private=True)))
    (tmp_path / "oct.json").write_text(json.dumps(OctKey.generate_key(256, {"kid": "o"}).as_dict(private=True)))

    with pytest.raises(KnowledgeError, match=says):
        servers_in(written(tmp_path, *lines))
