"""Genomes and learners that come with the library, by name, each with its origin and card."""

from blurax.zoo.keeper import Card, Row, card, find, genome, genome_file, learners, names

__all__ = ["Card", "Row", "card", "find", "genome", "genome_file", "learners", "names"]
