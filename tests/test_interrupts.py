"""Ctrl-C at any moment ends a command: it is not lost, and there is no traceback."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from blurax.cli import commands, interrupts
from blurax.cli.interrupts import interruptible


def pressed() -> None:
    signal.raise_signal(signal.SIGINT)


def process(code: str, folder, **options) -> subprocess.CompletedProcess[str]:
    """A process that runs the command, with modules of the folder before all others."""
    (folder / "start.py").write_text(textwrap.dedent(code), encoding="utf-8")
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, str(folder / "start.py")],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": path},
        restore_signals=True,
        **options,
    )


@pytest.mark.parametrize("module", ["tyro", "jax", "rich"])
def test_while_modules_are_imported_the_process_ends_at_once(module, tmp_path):
    """Also where a module would swallow the KeyboardInterrupt, or make another error of it."""
    (tmp_path / f"{module}.py").write_text(
        "import os, signal\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    signal.sigtimedwait([], 1)\n"
        "except BaseException:\n"
        "    raise ImportError('swallowed')\n",
        encoding="utf-8",
    )
    code = """
        import sys
        from blurax.cli import main
        sys.exit(main(["train", "default"]))
    """
    done = process(code, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_an_ignored_ctrl_c_stays_ignored(tmp_path):
    code = """
        import os, signal, sys
        from blurax.cli import commands, main
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as nohup does
        commands.dispatch = lambda words: os.kill(os.getpid(), signal.SIGINT)
        sys.exit(main([]))
    """
    assert process(code, tmp_path).returncode == 0


def test_an_interrupt_that_a_callback_loses_comes_again():
    times = []

    def callback(phase, info):  # as JAX has one
        if not times:
            times.append(time.monotonic())
            pressed()

    def work():
        with interruptible():
            gc.collect()
            time.sleep(20)

    gc.callbacks.append(callback)
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        gc.callbacks.remove(callback)
    assert time.monotonic() - times[0] < 10


def test_an_interrupt_that_became_another_error_is_one():
    def work():
        try:
            pressed()
        except KeyboardInterrupt as error:
            raise ImportError("an error while initialising the extension") from error

    with pytest.raises(KeyboardInterrupt), interruptible():
        work()


def test_an_error_without_an_interrupt_stays_what_it_is():
    with pytest.raises(ImportError), interruptible():
        raise ImportError


def test_handlers_and_hooks_are_as_before():
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [*map(signal.getsignal, signals), sys.unraisablehook]
    with interruptible():
        assert [*map(signal.getsignal, signals), sys.unraisablehook] != before
    assert [*map(signal.getsignal, signals), sys.unraisablehook] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_sigterm_is_as_ctrl_c(monkeypatch):
    monkeypatch.setattr(commands, "dispatch", lambda words: _terminated())
    assert commands.main([]) == 130


def _terminated() -> None:
    with interruptible():
        signal.raise_signal(signal.SIGTERM)
        time.sleep(20)


def test_compiled_code_that_goes_on_is_ended_with_the_last_words(tmp_path):
    """One call into C that no signal stops, for longer than the test may take."""
    code = """
        import hashlib, os, signal, threading
        from blurax.cli import interrupts
        from blurax.cli.progress import resumable
        interrupts.PATIENCE = 0.2
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        with interrupts.interruptible(), resumable("demo"):
            hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
    """
    done = process(code, tmp_path)
    assert done.returncode == interrupts.INTERRUPTED
    assert done.stderr == "Stopped; go on with: blurax demo\n"
