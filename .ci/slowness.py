"""How slow this machine is: the time of a fixed piece of work, again and again until a SIGTERM.

`.ci/run` has a limit of minutes, which are those of the machine that it was set on. Other machines that share the
processors make the same work take two or three times as long, so that the limit alone would say more of them than of
this project. At the end this prints the mean of all samples, as a multiple of the usual time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import time

# The time of `work` on the machine that the limit was set on, with its two processors busy.
USUAL_SECONDS = 0.05
SECONDS_BETWEEN_SAMPLES = 15
# Before everything else that runs here, so that only other machines can hold it up.
HIGHEST_PRIORITY = -20


def work() -> int:
    """Do what takes `USUAL_SECONDS`."""
    total = 0
    for number in range(600_000):
        total += number * number % 7
    return total


def sample() -> float:
    """How many times as long as usual `work` takes now."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) / USUAL_SECONDS


def main() -> None:
    """Take samples until a SIGTERM, and print their mean."""
    # Only root may. For others the limit is larger where their own tests are in the way.
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, HIGHEST_PRIORITY)
    end = {signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, end)
    samples = [sample()]
    while signal.sigtimedwait(end, SECONDS_BETWEEN_SAMPLES) is None:
        samples.append(sample())
    print(f"{statistics.fmean(samples):.2f}")


if __name__ == "__main__":
    main()
