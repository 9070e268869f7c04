"""Charts drawn from facts: what a patient is, written as the FHIR R4 an EHR would send."""
