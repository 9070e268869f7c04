"""Charts that others published are read as the checked-in lists say; the lists were read by eye once.

The data is not kept here. Where it comes from stands in `expected/`; B12_REAL_DATA names the folder it lies in.
"""

import os
from pathlib import Path

import pytest

from .shelf import SOURCES, differences, expected, how_to_get, read

#: What a chart may refuse: here a Medication that was never sent, and no server to ask for it.
REASONS = {"its medicine is a reference that could not be followed"}
#: Which Synthea patients have what the data was chosen for.
CHOSEN = {
    "cyanocobalamin active injection": {"Marcos", "Reuben", "Silvana"},
    "metformin active oral": {"Morris", "Silvana"},
    "diabetic-neuropathy active": {"Morris", "Silvana"},
    "anaemia active": {"Marcos", "Morris", "Reuben", "Silvana"},
    "haemoglobin": {"Marcos", "Morris", "Reuben", "Silvana"},
    "mcv": {"Marcos", "Morris", "Reuben", "Silvana"},
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_published_patient_is_read_as_the_checked_in_list_says(source):
    folder = Path(os.environ.get("B12_REAL_DATA", "-")) / source
    if not folder.is_dir():
        pytest.skip(f"no real data: {how_to_get(source)}")

    assert list(differences(source, read(source, folder))) == []


@pytest.mark.parametrize("source", SOURCES)
def test_a_list_names_repository_commit_and_licence_of_its_data(source):
    assert {"repository", "commit", "path", "licence"} <= expected(source)["source"].keys()
    assert expected(source)["charts"]


@pytest.mark.parametrize("source", SOURCES)
def test_no_list_refuses_what_could_be_read(source):
    refused = [line for chart in expected(source)["charts"].values() for line in chart.get("refused", ())]

    assert {line.partition(": ")[2] for line in refused} <= REASONS


@pytest.mark.parametrize("source", SOURCES)
def test_every_chart_of_a_list_gets_an_answer_from_every_protocol(source):
    for name, chart in expected(source)["charts"].items():
        assert ("no chart" in chart) != (len(chart.get("answers", ())) == 3), name


@pytest.mark.parametrize(("fact", "patients"), CHOSEN.items())
def test_the_synthea_lists_hold_what_their_patients_were_chosen_for(fact, patients):
    charts = expected("synthea-r4")["charts"]
    with_it = {name.partition("_")[0] for name, chart in charts.items() if any(f" {fact}" in f for f in chart["found"])}

    assert with_it == patients
