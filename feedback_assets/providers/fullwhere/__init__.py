"""Fullwhere: surveys sent, and the links of those asked for."""
