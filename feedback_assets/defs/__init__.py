"""Your own definitions, written by ``dg scaffold defs``; initially empty."""
