# Two stages: the first installs packages by hash, the second holds only what runs.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
FROM ${PYTHON_IMAGE} AS build

# The environment has no pip of its own: that of the image fills it, and stays behind.
COPY requirements.lock /build/
RUN python -m venv --without-pip /opt/pipeline-exporter \
    && python -m pip --python /opt/pipeline-exporter/bin/python install \
        --no-cache-dir --disable-pip-version-check --require-hashes --only-binary=:all: -r /build/requirements.lock

# The package is pure Python: copied, it needs no build backend, whose own packages would have no hashes.
COPY exporter /build/exporter
RUN site="$(/opt/pipeline-exporter/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
    && cp -r /build/exporter "$site/exporter" \
    && /opt/pipeline-exporter/bin/python -m compileall -q "$site/exporter" \
    && printf '#!/opt/pipeline-exporter/bin/python\nfrom exporter.cli import main\n\nmain()\n' \
        > /opt/pipeline-exporter/bin/pipeline-exporter \
    && chmod 755 /opt/pipeline-exporter/bin/pipeline-exporter \
    && /opt/pipeline-exporter/bin/pipeline-exporter --version \
    && mkdir /build/state


FROM ${PYTHON_IMAGE}

LABEL org.opencontainers.image.title="pipeline-exporter" \
      org.opencontainers.image.description="Prometheus exporter and alerting bridge for Feldera and Calyptia Core" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=build /opt/pipeline-exporter /opt/pipeline-exporter
COPY LICENSE /usr/share/doc/pipeline-exporter/LICENSE

# The one place that is written to, and only with `state` in the config: a new volume mounted here belongs to the user.
COPY --from=build --chown=65532:65532 /build/state /var/lib/pipeline-exporter

ENV PATH="/opt/pipeline-exporter/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER 65532:65532
EXPOSE 10777
STOPSIGNAL SIGTERM

# http.client, because urllib would ask a proxy that is set in the environment.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 10777, timeout=4); c.request('GET', '/-/healthy'); raise SystemExit(c.getresponse().status != 200)"]

ENTRYPOINT ["pipeline-exporter"]
CMD ["run", "--config.file=/etc/pipeline-exporter/config.yml"]
