"""Experiments: they compute and write result files; `analysis` draws them."""
