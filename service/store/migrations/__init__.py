"""The steps from one schema to the next: Alembic finds them here, inside the package."""
