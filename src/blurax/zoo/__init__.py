"""Genomes that come with the library, by name, each with its provenance and comparison sheet."""

from blurax.zoo.keeper import Row, Sheet, find, genome, genome_file, names, sheet

__all__ = ["Row", "Sheet", "find", "genome", "genome_file", "names", "sheet"]
