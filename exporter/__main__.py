"""``python -m exporter`` is the command ``pipeline-exporter``."""

from exporter.cli import main

main()
