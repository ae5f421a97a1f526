"""Simulated control planes, so that the exporter can be shown and tested without real ones."""
