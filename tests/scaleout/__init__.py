"""Two services on two machines, one PostgreSQL and one Redis: cut off and brought back, nothing lost, nothing twice."""
