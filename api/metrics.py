"""Metrics for Prometheus at /metrics, and a log line per request."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import structlog
from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Count and time requests by route, not by path: paths hold ids."""
    registry = CollectorRegistry()
    requests = Counter(
        "samspill_requests_total",
        "Requests answered.",
        ["method", "route", "status"],
        registry=registry,
    )
    seconds = Histogram(
        "samspill_request_seconds",
        "Time to answer.",
        ["route"],
        registry=registry,
        buckets=(0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.25, 0.5, 1, 2, 5),
    )
    ready = Gauge("samspill_ready", "Whether an index is being served.", registry=registry)

    @app.middleware("http")
    async def measure(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        started = time.perf_counter()
        response = await call_next(request)
        took = time.perf_counter() - started
        route = getattr(request.scope.get("route"), "path", "unmatched")
        requests.labels(request.method, route, response.status_code).inc()
        seconds.labels(route).observe(took)
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            ms=round(1000 * took, 1),
        )
        return response

    @app.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        is_ready, _ = request.app.state.service.ready()
        ready.set(is_ready)
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")
