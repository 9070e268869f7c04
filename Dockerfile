# The service alone: no sandbox, no tests, no compiler, not root, and nothing written to disk (runs with --read-only).
#
#   docker build -t b12-cds .
#   docker run --read-only -e B12_PROTOCOL=uk-ng239 --network host b12-cds
#
# Callers are not authenticated yet, so `serve` listens on loopback and refuses any other address. Inside a container
# that reaches nobody. Publishing a port is a decision of the operator, behind a proxy that authenticates:
#
#   docker run --read-only -e B12_PROTOCOL=uk-ng239 -p 127.0.0.1:8000:8000 b12-cds \
#     b12-cds serve --host 0.0.0.0 --insecure
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
 && pip --python /opt/b12-cds/bin/python install --no-cache-dir --constraint constraints.txt /wheels/*.whl

FROM python:3.11-slim
COPY --from=build /opt/b12-cds /opt/b12-cds
ENV PATH=/opt/b12-cds/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["python", "-c", \
 "from urllib.request import ProxyHandler, build_opener as b; b(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["b12-cds", "serve"]
