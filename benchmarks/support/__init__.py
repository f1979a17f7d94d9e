"""What the benchmarks share: measuring, a server of orders, years of made-up tables."""
