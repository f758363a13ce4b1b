"""The store of exported models: what they are of, and the hash by which their files are known."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from agent.vit.exporting import ExportWish
from agent.wire.exports import ExportFile
from orchestrator.storage.tables import Export


def find(session: Session, wish: ExportWish, made_with: str) -> ExportFile | None:
    """The newest file made for ``wish`` with these versions; None where there was none."""
    found = session.scalar(
        sa.select(Export)
        .where(
            Export.model == wish.model,
            Export.image_size.is_not_distinct_from(wish.image_size),
            Export.data_type == wish.data_type.value,
            Export.made_with == made_with,
        )
        .order_by(Export.id.desc())
        .limit(1)
    )
    return None if found is None else ExportFile(sha256=found.sha256, size_bytes=found.size_bytes)


def add(session: Session, wish: ExportWish, made_with: str, file: ExportFile, *, now_ms: int) -> None:
    """Note that ``file`` was made for ``wish`` with these versions; twice is once."""
    if find(session, wish, made_with) == file:
        return
    session.add(
        Export(
            model=wish.model,
            image_size=wish.image_size,
            data_type=wish.data_type.value,
            made_with=made_with,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            created_ms=now_ms,
        )
    )
    session.flush()


def is_known(session: Session, sha256: str) -> bool:
    """Whether a file of this hash was ever made."""
    return session.scalar(sa.select(Export.id).where(Export.sha256 == sha256).limit(1)) is not None
