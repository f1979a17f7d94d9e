"""One script a claim of docs/performance.md; ``python -m benchmarks.<name>`` runs one.

Each prints what it compared, at what size, and the ratio. ``--small`` runs it in seconds, to see
that it still works; its figures then mean nothing.
"""
