"""Wicked Reports: contacts, clicks and orders, with their attribution."""
