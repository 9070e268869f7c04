"""What every test shares: hypothesis looks the same way each time, and a busy machine is no failure."""

from hypothesis import HealthCheck, settings

settings.register_profile("project", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")
