"""Reads the user's advertising cost files into ``ad_spend.daily``."""
