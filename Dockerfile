# The service alone: no sandbox, no tests, no compiler, not root. What it writes is in the volume /data: it runs with
# --read-only. For PostgreSQL set B12_DATABASE to its URL, for Redis B12_REDIS; the drivers are in the image.
#
#   docker build -t b12-cds .
#   docker run --read-only --tmpfs /tmp -e B12_PROTOCOL=uk-ng239 -e B12_AUTHENTICATION=off --network host b12-cds
#
# That is for this machine alone: nobody is asked who they are. For EHRs, give the file of the clients that may call
# (docs/going-live.md) and the address under which they call:
#
#   docker run --read-only --tmpfs /tmp -v ./clients:/clients:ro -e B12_CLIENTS=/clients/clients.yaml \
#     -e B12_BASE_URLS='["https://cds.example"]' -p 8000:8000 b12-cds b12-cds serve --host 0.0.0.0
#
# B12_PROTOCOL has no default: without it the service refuses to start. The README lists every setting.
# `make image-check` carries out these instructions without a container engine, and tries what they make.

FROM python:3.11-slim-bookworm AS dependencies
WORKDIR /src
COPY requirements/image.txt requirements/
# Byte code is made here, once, and never looked up again: the root file system cannot be written to later.
RUN python -m venv --without-pip /opt/b12-cds \
 && pip --python /opt/b12-cds/bin/python install --no-cache-dir --no-compile --require-hashes -r requirements/image.txt \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/b12-cds/lib

FROM dependencies AS build
COPY requirements/build.txt requirements/
RUN python -m venv /opt/build && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md ./
COPY cds_hooks cds_hooks
COPY mappings mappings
COPY service service
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && pip --python /opt/b12-cds/bin/python install --no-cache-dir --no-deps --no-compile --prefix /package /wheels/*.whl \
 && python -m compileall -q -j 0 -s /package -p /opt/b12-cds --invalidation-mode unchecked-hash /package/lib

FROM python:3.11-slim-bookworm
ENV PATH=/opt/b12-cds/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN mkdir -m 700 /data && chown 10001:10001 /data
ENV B12_DATABASE=/data/state.sqlite3
VOLUME /data
# Two layers: what the service is built on changes seldom, the service itself often.
COPY --from=dependencies /opt/b12-cds /opt/b12-cds
COPY --from=build /package /opt/b12-cds
WORKDIR /
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["python", "-c", \
 "from urllib.request import ProxyHandler, build_opener as b; b(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["b12-cds", "serve"]
