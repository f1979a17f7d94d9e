"""One script per claim in docs/performance.md; ``python -m benchmarks.<name>`` runs one,
``python -m benchmarks`` all.

Each prints what it compared, at what size, and the ratio. ``--small`` runs it in seconds as a smoke
test; the figures are then meaningless.
"""
