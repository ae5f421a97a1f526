"""The alerting bridge: rules say what should fire now, an engine keeps it firing, queues bring it to Alertmanagers."""
