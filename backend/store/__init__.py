"""Everything that touches the database: plain functions that take a session, one module a noun."""
