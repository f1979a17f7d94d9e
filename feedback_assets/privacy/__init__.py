"""Data subject rights: export, erasure, retention and keys."""
