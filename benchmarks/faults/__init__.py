"""Attacks on blurax, a module each; `python benchmarks/faults.py` runs them."""
