"""A long night: environments that are stepped, reset, closed, made again and hurt, and what grows meanwhile."""

from __future__ import annotations

import functools
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator

from godot_marl.bench.gauges import Reading, read_gauges
from godot_marl.bench.project import BenchProject
from godot_marl.bench.soak_curve import COUNTED, SoakCurve, SoakSample, medians
from godot_marl.bench.soak_forms import Birds, Carts, Poles, SoakForm
from godot_marl.errors import GodotMarlError

# Each form steps for so long before it is the next one's turn.
_TURN = 0.1
_SAMPLES = 300
_SECONDS_BETWEEN_SAMPLES = (0.25, 60.0)
# An environment is closed and made again, or a worker killed, so often in a run, but not more often than that.
_EVENTS = 8
_SECONDS_BETWEEN_EVENTS = (2.0, 15.0)
# What an event has set going is over after this; a sample before would see games that are about to end.
_QUIET_SECONDS = 1.0
# How long what was closed may take to be gone.
_PATIENCE = 5.0


class Soak:
    """One run.

    Args:
        project: The project, with the scene of `soak_forms.CARTS_WORLD` written.
        seconds: How long to run.
        report: Called at each sample with the seconds that are over.

    Attributes:
        curve: What has been seen so far.
    """

    def __init__(self, project: BenchProject, seconds: float, report: Callable[[float], None]) -> None:
        self.curve = SoakCurve()
        self._counts: Counter[str] = Counter()
        self._seconds = seconds
        self._report = report
        self._carts = Carts(project, self._counts)
        self._forms: list[SoakForm] = [Birds(project, self._counts), self._carts, Poles(project, self._counts)]

    def run(self) -> SoakCurve:
        """Run until the time is over, a game fails, or Ctrl-C ends it; what was seen until then counts."""
        try:
            # The first use of everything opens and loads what then stays.
            for form in self._forms:
                form.make()
                form.step_for(_TURN)
                form.close()
            self._counts.clear()
            self.curve.before = read_gauges()
            for form in self._forms:
                form.make()
            self._go_on()
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

    def _go_on(self) -> None:
        begin = time.monotonic()
        events = self._events()
        event_interval = _clamp(self._seconds / _EVENTS, *_SECONDS_BETWEEN_EVENTS)
        sample_interval = _clamp(self._seconds / _SAMPLES, *_SECONDS_BETWEEN_SAMPLES)
        last_event = begin
        next_sample = begin + _QUIET_SECONDS
        while (now := time.monotonic()) - begin < self._seconds:
            for form in self._forms:
                form.step_for(_TURN)
            if now >= next_sample and now - last_event >= _QUIET_SECONDS:
                self._sample(now - begin)
                next_sample = now + sample_interval
            if now - last_event >= event_interval:
                next(events)()
                last_event = time.monotonic()
        self._sample(time.monotonic() - begin)

    def _events(self) -> Iterator[Callable[[], None]]:
        """What befalls the environments, one after the other, without end."""
        for form in itertools.cycle(self._forms):
            yield self._carts.kill_a_worker
            yield functools.partial(self._make_again, form)

    def _make_again(self, form: SoakForm) -> None:
        form.close()
        form.make()
        self._counts["restarts"] += 1

    def _sample(self, seconds: float) -> None:
        times = {form.name: list(form.times) for form in self._forms}
        self.curve.samples.append(SoakSample(seconds, read_gauges(), medians(times)))
        for form in self._forms:
            form.times.clear()
        self._report(min(seconds, self._seconds))


def _settle(before: Reading) -> Reading:
    """The gauges once they are where they were, or when patience is over."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        now = read_gauges()
        is_back = all(getattr(now, name) <= getattr(before, name) for name in COUNTED)
        if is_back or time.monotonic() > deadline:
            return now
        time.sleep(0.05)


def _clamp(value: float, least: float, most: float) -> float:
    return max(least, min(value, most))
