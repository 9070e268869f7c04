"""A database of each kind."""

from tests.store.conftest import database, empty, postgresql, where

__all__ = ["database", "empty", "postgresql", "where"]
