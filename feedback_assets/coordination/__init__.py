"""State shared in one Postgres by several machines that work on one warehouse.

It comprises the request quota of each provider and the write locks. `database` connects and waits,
`shared_quota` and `shared_locks` hold the state; a single machine needs none of this.
"""
