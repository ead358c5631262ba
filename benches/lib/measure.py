"""Runs one command after the other and tells what each took."""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass


@dataclass
class Taken:
    """What one run of a command took."""

    seconds: float
    cpu: float
    peak_mb: float
    code: int


def run(command, env=None, cwd=None, stdout=None, stdin=None):
    """One run to its end. The peak cannot be told below this script's own memory, some 15 MB."""
    begun = time.perf_counter()
    with open(stdin or os.devnull, "rb") as source, open(stdout or os.devnull, "wb") as out:
        child = subprocess.Popen(command, env=env, cwd=cwd, stdin=source, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Taken(
        seconds=time.perf_counter() - begun,
        cpu=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
        code=child.returncode,
    )


class Samples:
    """Several runs of one command."""

    def __init__(self):
        self.all = []

    def add(self, taken):
        self.all.append(taken)
        return taken

    @property
    def seconds(self):
        return statistics.median(taken.seconds for taken in self.all)

    @property
    def cpu(self):
        return statistics.median(taken.cpu for taken in self.all)

    @property
    def peak_mb(self):
        return max(taken.peak_mb for taken in self.all)


def pairs(count, *commands):
    """Runs the commands in turn, so often, so that what else the machine does meets them alike."""
    samples = [Samples() for _ in commands]
    for _ in range(count):
        for sample, command in zip(samples, commands):
            sample.add(command())
    return samples


def ratio(ours, theirs, of="seconds"):
    """The median of the ratios of the pairs."""
    return statistics.median(getattr(a, of) / max(getattr(b, of), 1e-9) for a, b in zip(ours.all, theirs.all))
