"""The files that make a Grafana load the boards by itself."""

from __future__ import annotations

DASHBOARDS = """\
# Written by `make dashboards`. Copy to /etc/grafana/provisioning/dashboards/, and the boards to the path below.
apiVersion: 1
providers:
  - name: pipeline-exporter
    folder: Pipelines
    type: file
    disableDeletion: true
    allowUiUpdates: false
    updateIntervalSeconds: 60
    options:
      path: /var/lib/grafana/dashboards/pipeline-exporter
      foldersFromFilesStructure: false
"""

DATASOURCES = """\
# Written by `make dashboards`. Copy to /etc/grafana/provisioning/datasources/ if Grafana has no Prometheus yet.
# timeInterval is the scrape interval of the exporter: $__rate_interval is at least four times as long.
apiVersion: 1
datasources:
  - name: Prometheus
    uid: prometheus
    type: prometheus
    access: proxy
    url: http://prometheus:9090
    isDefault: true
    editable: false
    jsonData:
      httpMethod: POST
      timeInterval: 15s
"""
