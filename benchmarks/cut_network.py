"""Cuts the network between driver and workers for some seconds, in namespaces of Linux.

Run as root, `python benchmarks/cut_network.py --seconds 10`: head and driver live in one network
namespace, two workers in another, a virtual cable between them. The cable is pulled during a
meta-step. What may come of it: the run ends with the bits of an undisturbed one, or with an error
that says what is wrong; never that it hangs.
"""

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from faults.ray_kills import ray_config
from faults.victims import files
from rich.console import Console

from blurax.engine import Patience, RayOptions, open_ray
from blurax.errors import BluraxError
from blurax.outer import run
from blurax.outer.methods import Gradient

HEAD, WORKER = "blurax-head", "blurax-worker"
ADDRESSES = {HEAD: "10.87.0.1", WORKER: "10.87.0.2"}
CLUSTER = f"{ADDRESSES[HEAD]}:6399"


def system(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True)


@contextlib.contextmanager
def namespaces() -> Iterator[None]:
    """Two namespaces and the cable; what runs in them ends with them."""
    try:
        for name in ADDRESSES:
            system("ip", "netns", "add", name)
            system("ip", "-n", name, "link", "set", "lo", "up")
        ends = ("name", "cable", "netns", HEAD, "type", "veth", "peer", "name", "cable")
        system("ip", "link", "add", *ends, "netns", WORKER)
        for name, address in ADDRESSES.items():
            system("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "cable")
            system("ip", "-n", name, "link", "set", "cable", "up")
        yield
    finally:
        for name in ADDRESSES:
            there = subprocess.run(
                ["ip", "netns", "pids", name], capture_output=True, encoding="utf-8", check=False
            )
            for process in there.stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", name], check=False)


def inside(name: str, *command: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a command in a namespace."""
    whole = ["ip", "netns", "exec", name, *command]
    return subprocess.Popen(whole, stdout=log.open("wb"), stderr=subprocess.STDOUT)


def node(name: str, *options: str, log: Path) -> None:
    """Start a node, as often as it takes: Ray gives up after 30 s, which a busy machine needs."""
    ray = str(Path(sys.executable).with_name("ray"))
    for _ in range(10):
        process = inside(
            name, ray, "start", "--block", "--node-ip-address", ADDRESSES[name], *options, log=log
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(90)
            continue
        return
    raise SystemExit(f"{name} does not start: {log.read_text(encoding='utf-8')[-500:]}")


def ray_nodes(folder: Path) -> None:
    """A head without room for workers, and a node that has it."""
    port = CLUSTER.split(":")[1]
    head = ("--head", "--port", port, "--num-cpus", "0", "--include-dashboard", "false")
    node(HEAD, *head, log=folder / "head.log")
    node(WORKER, "--address", CLUSTER, "--num-cpus", "2", log=folder / "worker.log")


def drive(directory: Path) -> None:
    """What the driver does, in its namespace."""
    engine = open_ray(RayOptions(address=CLUSTER, faults=Patience(job_limit=600, start_limit=300)))
    try:
        run.advance(directory, lambda progress: print(progress.step, flush=True), engine)
        print("done", flush=True)
    except BluraxError as error:
        print(f"error: {error}", flush=True)
    finally:
        engine.close()


def pull(seconds: float, console: Console) -> None:
    """Pull the cable, wait, and put it back."""
    system("ip", "-n", HEAD, "link", "set", "cable", "down")
    console.print(f"cut for {seconds:g} s")
    time.sleep(seconds)
    system("ip", "-n", HEAD, "link", "set", "cable", "up")
    console.print("whole again")


def watched(directory: Path, seconds: float, limit: float, console: Console) -> str:
    """Take the run to its end, with the cable pulled on the way; its last line."""
    command = ["ip", "netns", "exec", HEAD, sys.executable, __file__, "--drive", str(directory)]
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
    too_long = threading.Timer(limit, driver.kill)
    too_long.start()
    assert driver.stdout is not None
    last = ""
    for line in driver.stdout:
        last = line.strip()
        if last == "30":
            threading.Timer(0.05, pull, (seconds, console)).start()
    too_long.cancel()
    return last if last == "done" or last.startswith("error") else f"HANGS after {last}"


def main() -> None:
    """Print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--meta-steps", type=int, default=300)
    parser.add_argument("--limit", type=float, default=1500.0)
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.drive is not None:
        drive(arguments.drive)
        return
    console = Console()
    with tempfile.TemporaryDirectory() as name, namespaces():
        folder = Path(name)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{folder}/xla"
        os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
        run.start(ray_config(Gradient(), arguments.meta_steps), folder / "whole")
        shutil.copytree(folder / "whole", folder / "cut")
        run.advance(folder / "whole")
        ray_nodes(folder)
        begun = time.monotonic()
        found = watched(folder / "cut", arguments.seconds, arguments.limit, console)
        same = files(folder / "whole") == files(folder / "cut")
        verdict = "bit-identical" if same else "not the same bits"
        console.print(f"{found}, {verdict}, {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
