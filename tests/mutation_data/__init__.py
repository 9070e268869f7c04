"""Each number, band, dose, route and row of the mappings changed once: the vignettes or the printed facts must see it.

`make mutate-data` (or `python -m tests.mutation_data`) prints the counts and names every mutant nobody noticed.
"""
