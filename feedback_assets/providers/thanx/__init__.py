"""Thanx: feedback on purchases."""
