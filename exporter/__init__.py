"""Prometheus exporter and alerting bridge for the control planes of data pipelines."""

__version__ = "0.1.0"
