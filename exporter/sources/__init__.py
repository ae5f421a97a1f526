"""Readers of control planes: one file or folder each, and the table of kinds."""
