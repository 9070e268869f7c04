"""Who may call at this site, as one file says it: issuers, their keys, and what each of their tenants is offered."""
