"""What this service is for and what it rests on: for whoever decides whether to use it."""
