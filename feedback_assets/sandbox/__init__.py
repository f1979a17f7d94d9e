"""The five providers' APIs on loopback, over generated data; it imports nothing of the project."""
