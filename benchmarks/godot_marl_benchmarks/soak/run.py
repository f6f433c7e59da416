"""Steps, resets and restarts environments for hours, kills their games, and samples the resource usage."""

from __future__ import annotations

import functools
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator

from godot_marl.bench.project import BenchProject
from godot_marl.errors import GodotMarlError
from godot_marl_benchmarks.resource_usage import ResourceUsage, read_usage
from godot_marl_benchmarks.soak.envs import Birds, Carts, Poles, SoakForm
from godot_marl_benchmarks.soak.report import COUNTS, SoakCurve, SoakSample, medians

# Each form steps for so many seconds before the next one does.
_SLICE = 0.1
_SAMPLES = 300
_SECONDS_BETWEEN_SAMPLES = (0.25, 60.0)
# So often in a run, within these bounds, an environment is made again or a worker is killed.
_EVENTS = 8
_SECONDS_BETWEEN_EVENTS = (2.0, 15.0)
# After an event games start and end for so long; a sample in that time would count them.
_QUIET_SECONDS = 1.0
# How long closed environments may take to release everything.
_RELEASE_SECONDS = 5.0


class Soak:
    """One run.

    Args:
        project: The project, with the scene of `envs.CARTS_WORLD` written.
        seconds: How long to run.
        report: Called at each sample with the seconds that have passed.

    Attributes:
        curve: What was measured so far.
    """

    def __init__(self, project: BenchProject, seconds: float, report: Callable[[float], None]) -> None:
        self.curve = SoakCurve()
        self._counts: Counter[str] = Counter()
        self._seconds = seconds
        self._report = report
        self._carts = Carts(project, self._counts)
        self._forms: list[SoakForm] = [Birds(project, self._counts), self._carts, Poles(project, self._counts)]

    def run(self) -> SoakCurve:
        """Run until the time is over, a game fails, or Ctrl-C; the curve has what was measured until then."""
        try:
            # Load and open what stays after the first use.
            for form in self._forms:
                form.make()
                form.step_for(_SLICE)
                form.close()
            self._counts.clear()
            self.curve.before = read_usage()
            for form in self._forms:
                form.make()
            self._step_all()
        except KeyboardInterrupt:
            self.curve.interrupted = True
        except GodotMarlError as error:
            self.curve.failure = str(error)
        finally:
            for form in self._forms:
                form.close()
        if self.curve.before is not None:
            self.curve.after = _settle(self.curve.before)
        self.curve.counts = dict(self._counts)
        return self.curve

    def _step_all(self) -> None:
        begin = time.monotonic()
        events = self._events()
        event_interval = _clamp(self._seconds / _EVENTS, *_SECONDS_BETWEEN_EVENTS)
        sample_interval = _clamp(self._seconds / _SAMPLES, *_SECONDS_BETWEEN_SAMPLES)
        last_event = begin
        next_sample = begin + _QUIET_SECONDS
        while (now := time.monotonic()) - begin < self._seconds:
            for form in self._forms:
                form.step_for(_SLICE)
            if now >= next_sample and now - last_event >= _QUIET_SECONDS:
                self._sample(now - begin)
                next_sample = now + sample_interval
            if now - last_event >= event_interval:
                next(events)()
                last_event = time.monotonic()
        self._sample(time.monotonic() - begin)

    def _events(self) -> Iterator[Callable[[], None]]:
        """The events, one after the other, without end."""
        for form in itertools.cycle(self._forms):
            yield self._carts.kill_worker
            yield functools.partial(self._make_again, form)

    def _make_again(self, form: SoakForm) -> None:
        form.close()
        form.make()
        self._counts["environments made again"] += 1

    def _sample(self, seconds: float) -> None:
        times = {form.name: list(form.times) for form in self._forms}
        self.curve.samples.append(SoakSample(seconds, read_usage(), medians(times)))
        for form in self._forms:
            form.times.clear()
        self._report(min(seconds, self._seconds))


def _settle(before: ResourceUsage) -> ResourceUsage:
    """The resource usage once it is what it was before, or at the deadline."""
    deadline = time.monotonic() + _RELEASE_SECONDS
    while True:
        now = read_usage()
        is_back = all(getattr(now, name) <= getattr(before, name) for name in COUNTS)
        if is_back or time.monotonic() > deadline:
            return now
        time.sleep(0.05)


def _clamp(value: float, least: float, most: float) -> float:
    return max(least, min(value, most))
