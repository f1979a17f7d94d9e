"""A person's rights: export, erasure, retention, and keys."""
