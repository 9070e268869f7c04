"""What a clinician is shown and may sign: every card of every vignette under every protocol."""
