"""Metrics for Prometheus at /metrics, and a log line per request."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from matcher.service import Service
from matcher.store.runs import DONE, RUNNING, last_done, last_runs

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
    state = _State(registry)

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
        state.read(request.app.state.service)
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")


class _State:
    """Gauges of the index and the jobs, read when they are asked for.

    What to be woken by: ``samspill_index_damaged``, ``samspill_job_succeeded`` of 0, and a
    ``samspill_job_last_success_timestamp_seconds`` older than a day.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"samspill_{name}", what, labels, registry=registry)

        self._damaged = gauge(
            "index_damaged", "Whether another generation serves than the published one."
        )
        self._sequence = gauge("index_sequence", "Last change in the serving generation.")
        self._fresh = gauge("index_fresh_records", "Records served that are newer than it.")
        self._succeeded = gauge("job_succeeded", "Whether a job's last run succeeded.", "job")
        self._seconds = gauge("job_seconds", "How long a job's last run took.", "job")
        self._memory = gauge("job_peak_bytes", "Peak memory of a job's last run.", "job")
        self._last = gauge(
            "job_last_success_timestamp_seconds", "When a job last succeeded.", "job"
        )

    def read(self, service: Service) -> None:
        """Set all gauges to what is now."""
        self._damaged.set(bool(service.problem))
        self._sequence.set(service.sequence)
        self._fresh.set(service.fresh)
        for job in ("reindex", "nightly"):
            ended = [r for r in last_runs(service.store, 5, job) if r.outcome != RUNNING]
            if ended:
                self._succeeded.labels(job).set(ended[0].outcome == DONE)
                self._seconds.labels(job).set(ended[0].seconds)
                self._memory.labels(job).set(ended[0].peak_memory)
            done = last_done(service.store, job)
            if done is not None:
                moment = datetime.fromisoformat(done.ended).timestamp()
                self._last.labels(job).set(moment)
