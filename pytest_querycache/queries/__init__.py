"""Everything about SQL: signatures, the cache of compiled queries, recorded statements."""
