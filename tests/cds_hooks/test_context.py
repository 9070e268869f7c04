"""The context of each hook: section 1.3 of the checklist."""

import pytest

from cds_hooks.context import read_context
from cds_hooks.errors import InvalidContext, MalformedRequest
from cds_hooks.hooks import HOOKS
from tests.cds_hooks.kit import bundle, raw

VIEW = {"userId": "Practitioner/prac-1", "patientId": "pat-1"}
DRAFTS = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MedicationRequest"}}]}

WHOLE = {
    "patient-view": VIEW,
    "order-select": VIEW | {"selections": ["MedicationRequest/request-123"], "draftOrders": DRAFTS},
    "order-sign": VIEW | {"draftOrders": DRAFTS},
    "encounter-start": VIEW | {"encounterId": "enc-1"},
    "encounter-discharge": VIEW | {"encounterId": "enc-1"},
    "appointment-book": VIEW | {"appointments": bundle()},
    "order-dispatch": {
        "patientId": "pat-1",
        "dispatchedOrders": ["ServiceRequest/1"],
        "performer": "Organization/1",
        "fulfillmentTasks": [{"resourceType": "Task"}],
    },
    "allergyintolerance-create": VIEW | {"allergyIntolerance": {"resourceType": "AllergyIntolerance"}},
    "medication-refill": {"patientId": "pat-1", "medications": bundle()},
    "problem-list-item-create": VIEW | {"conditions": bundle()},
    "medication-verify": VIEW | {"medication": {"resourceType": "MedicationRequest"}},
}


def test_every_hook_has_an_example():
    assert set(WHOLE) == set(HOOKS)


@pytest.mark.parametrize("hook", sorted(WHOLE))
def test_d7_a_context_that_fits_its_hook_is_read(hook):
    context = read_context(hook, raw(WHOLE[hook]))

    assert context.patientId == "pat-1"
    assert context.userId == WHOLE[hook].get("userId")
    assert context.encounterId == WHOLE[hook].get("encounterId")


@pytest.mark.parametrize(
    ("hook", "name"),
    [(hook, field.name) for hook, fields in HOOKS.items() for field in fields if field.required],
)
def test_d7_a_missing_required_field_is_named(hook, name):
    for without in ({key: value for key, value in WHOLE[hook].items() if key != name}, WHOLE[hook] | {name: None}):
        with pytest.raises(InvalidContext) as refused:
            read_context(hook, raw(without))

        assert refused.value.expression == (f"context.{name}",)


@pytest.mark.parametrize(
    ("hook", "changes"),
    [
        ("patient-view", {"patientId": 7}),
        ("patient-view", {"patientId": ""}),
        ("patient-view", {"patientId": "Patient/1"}),
        ("patient-view", {"patientId": "a" * 65}),
        ("patient-view", {"patientId": "pat_1"}),
        ("patient-view", {"patientId": ".."}),
        ("patient-view", {"patientId": "1\n"}),
        ("patient-view", {"userId": "prac-1"}),
        ("patient-view", {"userId": "Organization/1"}),
        ("patient-view", {"userId": "Practitioner/.."}),
        ("patient-view", {"userId": ["Practitioner/1"]}),
        ("patient-view", {"encounterId": {"reference": "Encounter/1"}}),
        ("order-select", {"userId": "Patient/1"}),
        ("order-select", {"selections": "MedicationRequest/1"}),
        ("order-select", {"selections": ["1"]}),
        ("order-select", {"draftOrders": []}),
        ("order-sign", {"draftOrders": {"resourceType": "MedicationRequest"}}),
        ("order-sign", {"draftOrders": {"entry": []}}),
        ("order-dispatch", {"fulfillmentTasks": [{"resourceType": "Patient"}]}),
    ],
)
def test_d7_a_field_of_the_wrong_type_is_named_and_its_value_is_not(hook, changes):
    ((name, value),) = changes.items()

    with pytest.raises(InvalidContext) as refused:
        read_context(hook, raw(WHOLE[hook] | changes))

    assert refused.value.expression == (f"context.{name}",)
    assert f"context.{name}" in refused.value.diagnostics
    assert not isinstance(value, str) or len(value) < 6 or value not in refused.value.diagnostics


@pytest.mark.parametrize("kind", ["Practitioner", "PractitionerRole", "Patient", "RelatedPerson"])
def test_d7_a_patient_view_may_be_opened_by_any_of_four_kinds_of_user(kind):
    assert read_context("patient-view", raw(VIEW | {"userId": f"{kind}/1"})).userId == f"{kind}/1"


def test_d7_d17_fields_the_hook_does_not_name_are_kept_and_tolerated():
    context = read_context("patient-view", raw(VIEW | {"ward": {"bed": 7}}))

    assert bytes(context.fields["ward"]) == b'{"bed":7}'
    assert dict(context.tokens) == VIEW


def test_d7_an_optional_field_may_be_null():
    assert read_context("patient-view", raw(VIEW | {"encounterId": None})).encounterId is None


def test_d7_a_context_that_is_no_object_is_refused():
    with pytest.raises(MalformedRequest) as refused:
        read_context("patient-view", raw([VIEW]))

    assert refused.value.expression == ("context",)


def test_a_context_does_not_show_its_patient_when_it_is_printed():
    assert "pat-1" not in repr(read_context("patient-view", raw(VIEW)))
