"""Charts that others published, read whole: what the service finds in each, what it refuses, what it passes over."""
