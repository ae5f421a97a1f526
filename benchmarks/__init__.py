"""Figures of speed and memory, each with a ratio measured in the same run; ``make bench`` prints them."""
