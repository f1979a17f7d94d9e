"""Shared by all providers' clients: session, quota, retries, paging, bodies, masking, errors."""
