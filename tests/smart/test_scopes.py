"""Which scopes are asked for, of servers of either version, and what those that were granted allow."""

from __future__ import annotations

import pytest

from service.smart.scopes import NEEDED, allows, missing, speaks_v2, wanted


@pytest.mark.parametrize(
    ("capabilities", "supported", "v2"),
    [
        ((), (), False),
        (("permission-v1",), (), False),
        (("permission-v2",), (), True),
        (("permission-v1", "permission-v2"), ("patient/*.read",), True),
        (("permission-v1",), ("patient/*.rs",), False),
        ((), ("openid", "patient/*.read"), False),
        ((), ("openid", "patient/*.rs"), True),
        ((), ("patient/Observation.rs?category=laboratory",), True),
    ],
)
def test_a_server_is_asked_in_the_version_it_speaks_and_in_the_first_where_it_does_not_say(
    capabilities: tuple[str, ...], supported: tuple[str, ...], v2: bool
) -> None:
    assert speaks_v2(capabilities, supported) is v2


def test_a_server_of_version_one_is_asked_to_read_and_write_in_its_words() -> None:
    asked = wanted((), (), from_ehr=True, identity=False).split()

    assert asked[0] == "launch"
    assert {"patient/Observation.read", "patient/MedicationRequest.read", "patient/MedicationRequest.write"} <= set(
        asked
    )
    assert [each for each in asked if each.endswith(".write")] == [
        "patient/MedicationRequest.write",
        "patient/ServiceRequest.write",
        "patient/CarePlan.write",
    ]
    assert not any(each.endswith(("rs", "crs")) for each in asked)


def test_stand_alone_asks_for_a_patient_and_identity_only_where_it_can_be_verified() -> None:
    plain = wanted((), (), from_ehr=False, identity=False).split()
    known = wanted((), (), from_ehr=False, identity=True).split()

    assert plain[0] == "launch/patient"
    assert set(known) - set(plain) == {"openid", "fhirUser"}


@pytest.mark.parametrize(("capabilities", "supported"), [(("permission-online",), ()), ((), ("online_access",))])
def test_access_that_outlives_the_user_is_never_asked_for(
    capabilities: tuple[str, ...], supported: tuple[str, ...]
) -> None:
    asked = wanted((*capabilities, "permission-offline"), (*supported, "offline_access"), from_ehr=True, identity=True)

    assert "online_access" in asked
    assert "offline" not in asked


@pytest.mark.parametrize(
    ("scope", "letters"),
    [
        ("patient/Observation.read", "rs"),
        ("patient/Observation.write", "cud"),
        ("patient/Observation.*", "cruds"),
        ("patient/*.read", "rs"),
        ("user/Observation.read", "rs"),
        ("patient/Observation.rs", "rs"),
        ("patient/Observation.crs", "crs"),
        ("patient/*.cruds", "cruds"),
        ("system/Observation.rs", ""),
        ("patient/Observation.sr", ""),
        ("patient/Observation.rs?category=laboratory", ""),
        ("patient/Condition.rs", ""),
        ("Observation.rs", ""),
        ("patient/Observation", ""),
        ("patient/Observation.", ""),
        ("launch", ""),
        ("openid", ""),
    ],
)
def test_a_scope_allows_what_it_says_and_nothing_else(scope: str, letters: str) -> None:
    assert "".join(letter for letter in "cruds" if allows([scope], "Observation", letter)) == letters


def test_each_type_that_a_safe_plan_needs_is_missed() -> None:
    everything = [f"patient/{kind}.rs" for kind in NEEDED]

    assert missing(everything) == ()
    for kind in NEEDED:
        assert missing([each for each in everything if f"/{kind}." not in each]) == (kind,)
        assert missing([each.replace(f"/{kind}.rs", f"/{kind}.r") for each in everything]) == (kind,)
