"""Learners whose numbers are meta-learned."""
