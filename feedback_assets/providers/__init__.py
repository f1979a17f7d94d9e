"""API clients of the five providers: they know HTTP, paging and errors, and no Dagster.

Nothing here imports another package of the project. One module a provider; `http`, `paging`,
`quota`, `errors` and `masking` are what they share.
"""
