"""What is known: data only. This file lets the data be found wherever the service is installed."""
