"""The version of the rules by which records are read, for the definitions of provider tables."""

READING_RULES = 2
"""Raised by whoever changes what a record becomes, beyond what declarations say: 2 since text is
in NFC and lossless readings are accepted. Days that were read by other rules count as out of date.
"""
