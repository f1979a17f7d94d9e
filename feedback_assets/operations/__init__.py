"""Former module paths that deployments still name; they are removed in the next version."""
