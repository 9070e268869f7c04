"""What became of the cards: how often they were shown, what was answered, how fast, and whether a rule has changed."""
