# Two stages: the first installs packages by hash, the second holds only what runs.
FROM python:3.11-slim AS build

COPY requirements.lock /build/
RUN python -m venv /opt/pipeline-exporter \
    && /opt/pipeline-exporter/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r /build/requirements.lock

# The package is pure Python: copied, it needs no build backend, whose own packages would have no hashes.
COPY exporter /build/exporter
RUN site="$(/opt/pipeline-exporter/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && cp -r /build/exporter "$site/exporter" \
    && /opt/pipeline-exporter/bin/python -m compileall -q "$site/exporter" \
    && printf '#!/opt/pipeline-exporter/bin/python\nfrom exporter.cli import main\n\nmain()\n' \
        > /opt/pipeline-exporter/bin/pipeline-exporter \
    && chmod 755 /opt/pipeline-exporter/bin/pipeline-exporter \
    && /opt/pipeline-exporter/bin/pipeline-exporter --version


FROM python:3.11-slim

LABEL org.opencontainers.image.title="pipeline-exporter" \
      org.opencontainers.image.description="Prometheus exporter for the control planes of data pipelines" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /opt/pipeline-exporter /opt/pipeline-exporter
COPY LICENSE /usr/share/doc/pipeline-exporter/LICENSE

# Nothing is written: the root file system may be read-only.
ENV PATH="/opt/pipeline-exporter/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER 65532:65532
EXPOSE 10777
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:10777/-/healthy', timeout=4)"]

ENTRYPOINT ["pipeline-exporter"]
CMD ["run", "--config.file=/etc/pipeline-exporter/config.yml"]
