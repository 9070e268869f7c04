"""Discovery and declarations: sections B and C of the checklist."""

import json

import pytest

from cds_hooks.errors import UnknownService
from cds_hooks.prefetch import Template
from cds_hooks.registry import Registry
from tests.cds_hooks.kit import client, issue_of, service


def test_b1_to_b10_discovery_lists_each_service_with_the_specifications_fields():
    answer = client(service(usage_requirements="Needs patient.")).get("/cds-services")

    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.data) == {
        "services": [
            {
                "hook": "patient-view",
                "title": "Echo",
                "description": "Says what was had.",
                "id": "echo-view",
                "prefetch": {template.key: template.url for template in service().prefetch},
                "usageRequirements": "Needs patient.",
                "version": "2.0.1",
            }
        ]
    }


def test_a4_b8_b9_discovery_leaves_out_what_has_no_value():
    (entry,) = Registry([service(prefetch=(), requires=())]).discovery()["services"]

    assert set(entry) == {"hook", "title", "description", "id", "version"}


def test_b3_no_services_are_an_empty_list():
    assert Registry([]).discovery_json == b'{"services":[]}'


def test_b14_i1_a_service_may_carry_an_extension():
    (entry,) = Registry([service(extension={"org.example.b12": {"edition": "1"}})]).discovery()["services"]

    assert entry["extension"] == {"org.example.b12": {"edition": "1"}}


def test_b1_discovery_is_found_with_a_trailing_slash_and_by_head():
    asking = client()

    assert asking.get("/cds-services/").status_code == 200
    assert asking.head("/cds-services").status_code == 200


def test_b13_discovery_refuses_another_method_in_fhir():
    answer = client().post("/cds-services", json={})

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, OPTIONS"
    assert issue_of(answer)["code"] == "not-supported"


def test_b7_two_services_with_one_id_are_refused_at_start():
    with pytest.raises(ValueError, match="two services have the id 'echo-view'"):
        Registry([service(), service(title="Another")])


def test_an_unknown_id_is_a_refusal():
    with pytest.raises(UnknownService):
        Registry([]).get("echo-view")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": "Echo_View"}, "not kebab-case"),
        ({"hook": "medication-prescribe"}, "no context is defined"),
        ({"title": ""}, "title and description are required"),
        ({"description": ""}, "title and description are required"),
        ({"requires": (frozenset({"ferritin"}),)}, "requires names no template: .'ferritin'"),
        ({"requires": (frozenset(),)}, "requires names no template"),
        ({"prefetch": (Template("a", "Patient/{{context.patientId}}"),) * 2, "requires": ()}, "is repeated"),
        ({"prefetch": (Template("a", "Patient/{{context.wardId}}"),), "requires": ()}, "has no token"),
        (
            {"prefetch": (Template("a", "Observation?encounter={{context.encounterId}}"),), "requires": ()},
            "encounterId is optional in patient-view",
        ),
    ],
)
def test_a_declaration_that_could_not_be_served_is_refused_at_start(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        service(**changes)


def test_c5_a_query_may_name_the_encounter_where_the_hook_requires_one():
    asked = Template("labs", "Observation?encounter={{context.encounterId}}")

    assert service(hook="encounter-start", prefetch=(asked,), requires=()).prefetch == (asked,)


@pytest.mark.parametrize(
    "url",
    [
        "Patient/{{context.patientId}}",
        "Observation?patient={{context.patientId}}&code=http://loinc.org|2132-9&_sort=-date&_count=20",
        "Encounter/{{context.encounterId}}",
        "{{context.userId}}",
    ],
)
def test_c2_c4_a_relative_read_or_search_with_root_tokens_is_a_template(url):
    assert Template("key", url).url == url


@pytest.mark.parametrize(
    ("key", "url", "complaint"),
    [
        ("key", "Observation?date=ge{{today() - 730 days}}&patient={{context.patientId}}", "is a token"),
        ("key", "Practitioner/{{userPractitionerId}}", "is a token"),
        ("key", "Patient/{{context.patient.id}}", "is a token"),
        ("key", "Patient/{{ context.patientId }}", "is a token"),
        ("key", "Observation?date=ge2020&date=le2021", "a parameter is repeated"),
        ("key", "Observation?code:in=a&code=b", "a parameter is repeated"),
        ("key", "https://ehr.example/Patient/{{context.patientId}}", "not a relative"),
        ("key", "/Patient/{{context.patientId}}", "not a relative"),
        ("key", "Patient", "not a relative"),
        ("key", "Observation?code=a b", "not a relative"),
        ("key", "Observation?code=a#b", "not a relative"),
        ("key", "Observation?code=" + "1," * 1000, "more than 1900"),
        ("Not a name", "Patient/{{context.patientId}}", "not a camelCase name"),
        ("resourceType", "Patient/{{context.patientId}}", "not a camelCase name"),
    ],
)
def test_c3_c9_a_template_that_some_client_resolves_wrongly_is_refused(key, url, complaint):
    with pytest.raises(ValueError, match=complaint):
        Template(key, url)
