"""What all providers' clients share: session, quota, retries, paging, bodies, masking, errors."""
