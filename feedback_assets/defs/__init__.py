"""Definitions of your own, as ``dg scaffold defs`` writes them; empty as it comes."""
