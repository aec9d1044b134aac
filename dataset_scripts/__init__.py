"""Readers that bring emotion corpora into one schema."""
