"""Fullwhere: sent surveys, and survey links generated on request."""
