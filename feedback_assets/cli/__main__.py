"""``python -m feedback_assets.cli``."""

from feedback_assets.cli import main

main()
