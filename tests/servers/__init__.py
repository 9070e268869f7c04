"""Other people's FHIR servers, each started here, and the whole story told against each."""
