"""What a run tells, for TensorBoard: an extra."""

from pathlib import Path
from typing import Any

from blurax.errors import BluraxError
from blurax.io import check_directory
from blurax.outer.run import Progress


class TensorBoard:
    """Writes the loss and the best score of a run below its directory."""

    def __init__(self, directory: Path) -> None:
        """Open the log.

        Raises:
            BluraxError: if the extra is not installed.
        """
        try:
            import tensorboardX
        except ImportError as error:
            raise BluraxError(
                "TensorBoard's writer is not installed; pip install 'blurax[tensorboard]' does it."
            ) from error
        check_directory(directory / "tensorboard")
        self._writer: Any = tensorboardX.SummaryWriter(str(directory / "tensorboard"))

    def __call__(self, progress: Progress) -> None:
        """Log one meta-step."""
        self._writer.add_scalar("loss", progress.loss, progress.step)
        if progress.validated:
            self._writer.add_scalar("kept validation score", progress.score, progress.step)
            self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
