"""The page for people who never open Dagster: figures of the marts, words, charts, one HTML file.

Knows no Dagster. ``figures`` reads the marts, ``words`` says what they show, ``charts`` draws
them, ``page`` puts the page together, ``pictures`` makes the small ones for the UI.
"""
