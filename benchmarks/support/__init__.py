"""Shared by the benchmarks: measuring, a server of orders, years of generated tables."""
