"""Running it: settings, logs, metrics, traces, stopping, readiness, our own access, and what is deployed."""
