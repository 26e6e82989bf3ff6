"""The scenario in a folder without locks; a program too.

``python spooling.py nth ROOT`` kills a run, and the collecting after it, at every
system call; SQLite opens no file.
"""

import itertools
import json
import os
import sys
from pathlib import Path

from condensery._reference import load
from condensery.store import _collector, _spool, _store, open_store
from condensery.store._lock import VARIABLE

SCENARIO = Path(__file__).with_name("scenario.py")
scenario = load(f"{SCENARIO}:work").__globals__


def work_and_collect(root, config=scenario["CONFIG"]):
    """A whole run, and what waits of it into the ledger."""
    WORK(root, config)
    with open_store(root, write=True) as store:
        assert not store.has_locks
        store.collect()


WORK = scenario["work"]


def without_locks():
    """From now on no lock is trusted, and nothing that is left is of a live process."""
    os.environ[VARIABLE] = "no"
    _store.DAY = _spool.DAY = _collector.DAY = -1.0
    scenario["work"] = work_and_collect


def every_kill(root):
    """Kill a run at its n-th system call, for every n; print how many there were."""
    for n in itertools.count(1):
        folder = Path(root, str(n))
        child = os.fork()
        if child == 0:
            with scenario["Countdown"](n, scenario["kill_self"]):
                work_and_collect(folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        scenario["check"](folder)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            print(json.dumps({"kills": n - 1}))
            return


if __name__ == "__main__":
    without_locks()
    every_kill(sys.argv[2])
