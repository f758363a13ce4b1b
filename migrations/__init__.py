"""The database schema, step by step. Alembic alone makes tables."""
