"""Ids made from words: the same for the same words, another for any other, and of a version that says how."""

from __future__ import annotations

from itertools import product
from uuid import NAMESPACE_URL, RFC_4122, UUID, uuid5

from service.domain.doses import regimens_of
from service.evaluate import shipped
from service.ids import Space, named, part_of

CARDS, ORDERS = Space("urn:b12-cds:card"), Space("urn:b12-cds:order")


def test_the_id_of_words_is_their_uuid_of_version_5() -> None:
    assert named(CARDS, "seed|treatment") == str(uuid5(uuid5(NAMESPACE_URL, "urn:b12-cds:card"), "seed|treatment"))


def test_the_id_of_a_part_is_a_uuid_of_version_8_and_the_same_again() -> None:
    made = UUID(part_of("seed", CARDS, "treatment"))

    assert (made.version, made.variant) == (8, RFC_4122)
    assert str(made) == part_of("seed", CARDS, "treatment")


def test_another_seed_kind_or_part_is_another_id() -> None:
    made = {part_of(*each) for each in product(("one", "two"), (CARDS, ORDERS), ("treatment", "workup"))}

    assert len(made) == 8


def test_no_two_parts_that_an_answer_can_have_share_an_id() -> None:
    book = shipped().book
    words = {investigation.id for investigation in book.investigations}
    for protocol in book.protocols.values():
        for regimen in regimens_of(protocol):
            words |= {regimen.id, *(f"{regimen.id}|{number}" for number in range(1, 10))}

    assert len({part_of("seed", ORDERS, each) for each in words}) == len(words) > 100
