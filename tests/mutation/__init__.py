"""Mutants of the code in service/domain: one operator, name, number or argument changed; each must be noticed.

`make mutate` runs them all; `python -m tests.mutation assess therapy` runs some modules' only.
"""
