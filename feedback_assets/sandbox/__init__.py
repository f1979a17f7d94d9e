"""The APIs of the five providers on loopback, with generated data; imports no project code."""
