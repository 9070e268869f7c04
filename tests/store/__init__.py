"""The store: the same tests on SQLite and, where there is one, on PostgreSQL."""
