"""Learners whose learning rule is itself a network, with meta-learned numbers."""
