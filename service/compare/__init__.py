"""Two protocols beside each other: what each says, and what each would do with worked patients."""
