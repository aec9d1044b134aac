"""Recipes, soft targets, augmentation, the training loop, metrics and evaluation."""
