"""What those who run the service see of it: logs, metrics and traces; of patients and tokens, nothing."""
