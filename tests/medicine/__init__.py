"""The medicine, tested from FHIR to card."""
