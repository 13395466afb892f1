"""Analysis: reads genomes and result files, prints tables and draws pictures."""
