# The service alone: no sandbox, no tests, no compiler, not root. What it writes is in the volume /data: it runs with
# --read-only. For PostgreSQL set B12_DATABASE to its URL; the driver is in the image.
#
#   docker build -t b12-cds .
#   docker run --read-only -e B12_PROTOCOL=uk-ng239 -e B12_AUTHENTICATION=off --network host b12-cds
#
# That is for this machine alone: nobody is asked who they are. For EHRs, give the file of the clients that may call
# (docs/going-live.md) and the address under which they call:
#
#   docker run --read-only -v ./clients:/clients:ro -e B12_CLIENTS=/clients/clients.yaml \
#     -e B12_BASE_URLS='["https://cds.example"]' -p 8000:8000 b12-cds b12-cds serve --host 0.0.0.0
#
# B12_PROTOCOL has no default: without it the service refuses to start. The README lists every setting.

FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md constraints.txt ./
COPY cds_hooks cds_hooks
COPY mappings mappings
COPY service service
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN python -m venv --without-pip /opt/b12-cds \
 && pip --python /opt/b12-cds/bin/python install --no-cache-dir --constraint constraints.txt /wheels/*.whl 'psycopg[binary]'

FROM python:3.11-slim
COPY --from=build /opt/b12-cds /opt/b12-cds
ENV PATH=/opt/b12-cds/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN mkdir -m 700 /data && chown 10001:10001 /data
ENV B12_DATABASE=/data/state.sqlite3
VOLUME /data
WORKDIR /
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["python", "-c", \
 "from urllib.request import ProxyHandler, build_opener as b; b(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["b12-cds", "serve"]
