"""Alerts on unhappy customers and on failed runs."""
