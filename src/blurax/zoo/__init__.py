"""Genomes that come with the library, by name, each with its provenance and comparison card."""

from blurax.zoo.keeper import Card, Row, card, find, genome, genome_file, names

__all__ = ["Card", "Row", "card", "find", "genome", "genome_file", "names"]
