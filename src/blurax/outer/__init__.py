"""The outer loop: what finds genomes, and the run directory it works in."""
