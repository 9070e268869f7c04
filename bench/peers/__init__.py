"""Other CDS Hooks services that package indexes provide, each with one trivial rule, measured beside ours."""
