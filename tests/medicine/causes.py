"""Which causes of the mapping files may answer for the cause that a vignette names."""

from __future__ import annotations

ACCEPTABLE: dict[str, frozenset[str]] = {
    "bariatric_surgery": frozenset({"bariatric-surgery"}),
    "diet": frozenset({"diet"}),
    "ileal_resection_extent_unknown": frozenset({"ileal-resection-extent-unknown"}),
    "medicine_induced": frozenset({"medicine"}),
    "nitrous_oxide": frozenset({"nitrous-oxide"}),
    "other_malabsorption": frozenset(
        {
            "atrophic-gastritis",
            "bacterial-overgrowth",
            "coeliac-disease",
            "crohn-disease",
            "fish-tapeworm",
            "other-malabsorption",
            "pancreatic-insufficiency",
            "partial-ileal-resection",
            "tropical-sprue",
            "zollinger-ellison",
        }
    ),
    "pernicious_anaemia": frozenset({"pernicious-anaemia"}),
    "pregnancy": frozenset({"pregnancy"}),
    "total_gastrectomy": frozenset({"total-gastrectomy"}),
    "transport_or_metabolic_disorder": frozenset({"transport-or-metabolic-disorder"}),
    "undetermined": frozenset({"undetermined"}),
}
