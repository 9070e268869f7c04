"""CDS Hooks 2.0.1 for any service: wire types, discovery, prefetch and refusals; it knows no disease."""
