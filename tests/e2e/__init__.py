"""The whole service as it runs: a process on a port, an EHR before it and a FHIR server behind it."""
