"""The Serve deployment that hosts the application."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI
from ray import serve

from agent.config import Settings
from orchestrator.cluster.analysing import analyse_on_ray
from orchestrator.cluster.exporting import export_on_ray

log = logging.getLogger(__name__)

MAX_ONGOING_REQUESTS = 256
"""Serve's own default is 5."""


def deployment(settings: Settings, *, behind_proxy: bool) -> Any:
    """One replica of the API: on SQLite one process writes, and one is enough for thousands of devices."""

    def application() -> FastAPI:
        from orchestrator.logs import log_to

        # Ray's own logs lie in a scratch directory that goes with the cluster.
        log_to(settings.orchestrator_home, settings.log_format)
        try:
            from orchestrator.api.application import create_application
            from orchestrator.wiring import Orchestrator
        except Exception:
            log.exception("the API cannot be loaded")
            raise
        return create_application(
            lambda: Orchestrator(settings, analyse_on_ray, exporter=export_on_ray), behind_proxy=behind_proxy
        )

    hosted = serve.ingress(application)()
    # The API waits for the network and for SQL: it takes no whole core from the analysis.
    options = {"num_cpus": 0}
    return serve.deployment(
        name="Api", num_replicas=1, max_ongoing_requests=MAX_ONGOING_REQUESTS, ray_actor_options=options
    )(hosted).bind()
