"""blurax: learn a learning rule. Bidirectional learned update rules (BLUR) in JAX."""
