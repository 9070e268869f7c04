"""Requests as no sound EHR sends them: changed in their structure, in their bytes, and broken into from within."""
