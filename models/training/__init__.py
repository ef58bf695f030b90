"""Datasets, training and grouped evaluation."""
