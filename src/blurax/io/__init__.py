"""Files: whole-or-not-at-all writes, genome files and checkpoints.

Genomes and checkpoints are safetensors files with a checksummed JSON header (`sealed`): reading
one runs no code, and every damage ends in a `BluraxError` of one sentence.
"""

from blurax.io.arrays import read_arrays
from blurax.io.atomic import append_lines, write_bytes, write_json, write_text
from blurax.io.checkpoint import load_checkpoint, save_checkpoint
from blurax.io.genome_file import Provenance, load_genome, pack_genome, save_genome
from blurax.io.learner_file import is_learner, load_learner, pack_learner, save_learner
from blurax.io.lock import clear, writing
from blurax.io.outputs import check_directory, check_file
from blurax.io.paths import as_path, exists, make_directory
from blurax.io.strict_json import parse_json, read_json

__all__ = [
    "Provenance",
    "append_lines",
    "as_path",
    "check_directory",
    "check_file",
    "clear",
    "exists",
    "is_learner",
    "load_checkpoint",
    "load_genome",
    "load_learner",
    "make_directory",
    "pack_genome",
    "pack_learner",
    "parse_json",
    "read_arrays",
    "read_json",
    "save_checkpoint",
    "save_genome",
    "save_learner",
    "write_bytes",
    "write_json",
    "write_text",
    "writing",
]
