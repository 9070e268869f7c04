"""What the service keeps: what was shown, what clinicians answered, and which tokens were used; no patient by name."""
