"""Task functions that need JAX, or take so long that something can happen to them; also
a program that runs them.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


def mark(parameters, seed, advance):
    """Leaves its process id in a folder and takes its time, in Python or deep in a
    library.
    """
    Path(str(parameters["folder"]), str(os.getpid())).touch()
    if parameters["how"] == "asleep":
        time.sleep(60)
    matrix = np.random.default_rng(0).normal(size=(1500, 1500))
    end = time.monotonic() + 60
    while time.monotonic() < end:
        matrix @ matrix
    return {"y": np.array(0)}


def short(parameters, seed, advance):
    Path(str(parameters["folder"]), str(os.getpid())).touch()
    advance("here", 0.0)
    time.sleep(0.5)
    return {}


def environment(parameters, seed, advance):
    import threadpoolctl

    names = [str(name) for name in parameters["names"]]
    threads = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return {
        "values": np.array([os.environ.get(name, "unset") for name in names]),
        "threads": np.array(threads),
    }


def jax_threads(parameters, seed, advance):
    """How many threads XLA computes with, and the dtype of what it computes."""
    import jax.numpy as jnp

    x = jnp.ones((400, 400))
    y = (x @ x).sum()
    y.block_until_ready()
    names = [
        Path(path, "comm").read_text().strip()
        for path in Path("/proc/self/task").iterdir()
    ]
    return {"pool": np.array(names.count("tf_XLAEigen")), "y": np.asarray(y)}


CHILD = """
import signal
names = (signal.SIGTERM, signal.SIGHUP)
blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
print(all(signal.getsignal(name) is signal.SIG_DFL for name in names))
print(not blocked & set(names))
"""


def children_hear_signals(parameters, seed, advance):
    """Whether programs and forks that a task starts hear what the worker ignores."""
    command = [sys.executable, "-c", CHILD]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
    )
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGHUP)
    return {
        "program": np.array(done.stdout.split()),
        "fork": np.array(os.WTERMSIG(status)),
    }


def where(parameters, seed, advance):
    return {"path": np.array(sys.path), "process": np.array(os.getpid())}


def large(parameters, seed, advance):
    return {"y": np.arange(int(parameters["size"]), dtype=np.float64)}


def chatter(parameters, seed, advance):
    for step in range(20_000):
        advance("step", step / 20_000)
    return {}


def fill(parameters, seed, advance):
    """Writes into the pipe what a worker would not say."""
    for handle in range(3, 20):
        try:
            os.write(handle, b"this is no message" * 10)
        except OSError:
            continue
    time.sleep(60)
    return {}


if __name__ == "__main__":
    from condensery.protocols import Task
    from condensery.runners import LocalRunner

    folder, how = sys.argv[1:]
    tasks = [
        Task(
            function=f"{__file__}:mark",
            parameters={"folder": folder, "how": how, "number": number},
        )
        for number in range(4)
    ]
    try:
        LocalRunner(workers=2).run(
            tasks, lambda outcome: None, lambda key, fraction: None
        )
    except KeyboardInterrupt:
        sys.exit(130)
