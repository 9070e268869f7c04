"""SMART Backend Services, as a client: our own access to FHIR servers whose calls bring no access token."""
