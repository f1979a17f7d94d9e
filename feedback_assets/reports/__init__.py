"""The HTML page for people who do not use Dagster: figures from the marts, text and charts.

Independent of Dagster. ``figures`` reads the marts, ``words`` writes the text, ``charts`` draws
the charts, ``page`` assembles the page, ``pictures`` renders previews for the UI.
"""
