"""Telling people: of unhappy customers, and of runs that fail."""
