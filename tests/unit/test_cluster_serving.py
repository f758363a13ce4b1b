"""What the orchestrator refuses before it starts Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Settings
from orchestrator.cluster.serving import refuse_file_on_cluster
from orchestrator.errors import StartFailed

CLUSTER = {"RAY_ADDRESS": "ray://head:10001"}
POSTGRESQL = "postgresql://farm@db.example.org/farm"


def test_a_cluster_does_not_work_with_a_file_of_one_node(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"SQLite file.*\n.*PostgreSQL"):
        refuse_file_on_cluster(Settings(home=tmp_path), CLUSTER)


def test_a_cluster_works_with_a_server_and_one_machine_with_either(tmp_path: Path) -> None:
    refuse_file_on_cluster(Settings(home=tmp_path, database_url=POSTGRESQL), CLUSTER)
    refuse_file_on_cluster(Settings(home=tmp_path, database_url=POSTGRESQL), {})
    refuse_file_on_cluster(Settings(home=tmp_path), {})
