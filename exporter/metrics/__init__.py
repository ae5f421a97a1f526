"""Facts as Prometheus text: the table of families, the pre-rendered page, the exporter's own metrics."""
