"""Retargeting: feedback on orders, with product reviews."""
