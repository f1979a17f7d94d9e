"""What several machines that work on one warehouse share besides it, in one Postgres.

The request quota of each provider, and the locks of whoever writes. `database` connects and waits,
`shared_quota` and `shared_locks` say what is shared; a machine alone needs none of this.
"""
