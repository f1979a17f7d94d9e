"""The five providers' APIs on loopback, with generated data; imports ``schema`` and ``tables``."""
