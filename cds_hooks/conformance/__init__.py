"""A conformance check for any CDS Hooks service: what holds and what does not, by requirement id."""
