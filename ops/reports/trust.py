"""Whether the numbers could be believed: intervals against what was measured, and how the models improved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.learning import ModelReleased
from ops.reports.axes import Frame, drawing, label, line, span
from ops.reports.marks import linked
from ops.reports.markup import Child, Node, el
from ops.reports.story import Candidate, Story
from ops.wording import fixed, percent

WIDTH = 980.0


@dataclass(frozen=True)
class Quantity:
    """A predicted and measured quantity, and how it is told."""

    name: str
    title: str
    unit: str
    factor: float
    """From the log's unit to the unit that is told."""
    digits: int

    def measured(self, candidate: Candidate) -> float | None:
        """What the label says of it."""
        if candidate.label is None:
            return None
        return candidate.label.lattice if self.name == "lattice" else candidate.label.phase_fraction


QUANTITIES = (
    Quantity("lattice", "error of a / mÅ", "mÅ", 1000, 1),
    Quantity("phase_fraction", "error of fraction", "", 1, 3),
)


@dataclass(frozen=True)
class Guess:
    """A prediction that was put to the test: numbers relative to the predicted mean.

    Attributes:
        place: of the sample in the order of fates, from 1.
        error: measured minus predicted.
        low: end of the conformal interval; none where there were too few labels for one.
        high: other end.
        nominal: share of cases in which such an interval should hold; none without one.
    """

    candidate: Candidate
    place: int
    error: float
    low: float | None
    high: float | None
    nominal: float | None

    @property
    def held(self) -> bool | None:
        """Whether the measured value fell into the interval."""
        if self.low is None or self.high is None:
            return None
        return self.low <= self.error <= self.high


def guesses(story: Story, quantity: Quantity) -> list[Guess]:
    """Every prediction of a quantity that was measured afterwards."""
    found = []
    for place, candidate in enumerate(story.ends, 1):
        expected, value = candidate.predicted(quantity.name), quantity.measured(candidate)
        if expected is None or value is None:
            continue
        mean, record = expected[0], candidate.interval(quantity.name)
        ends = (None, None) if record is None else (record.lower, record.upper)
        low, high = (None if end is None else (end - mean) * quantity.factor for end in ends)
        nominal = None if record is None else 1 - record.alpha
        found.append(Guess(candidate, place, (value - mean) * quantity.factor, low, high, nominal))
    return found


def clopper_pearson(hits: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval for a share (Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404)."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else float(betaincinv(hits, count - hits + 1, tail))
    high = 1.0 if hits == count else float(betaincinv(hits + 1, count - hits, 1 - tail))
    return low, high


def coverage(story: Story, quantity: Quantity) -> str:
    """How often intervals held, against how often they should."""
    tested = guesses(story, quantity)
    bound = [g for g in tested if g.held is not None]
    word = quantity.name.replace("_", " ")
    if not bound:
        return f"{word}: no interval has been tested yet ({len(tested)} predictions without one were)."
    hits = sum(bool(g.held) for g in bound)
    low, high = clopper_pearson(hits, len(bound))
    widths = sorted((g.high or 0) - (g.low or 0) for g in bound)
    unit = f" {quantity.unit}" if quantity.unit else ""
    return (
        f"{word}: {hits} of {len(bound)} measured values fell into their {percent(bound[0].nominal or 0)} intervals, "
        f"that is {percent(hits / len(bound))} (95 % confidence interval {percent(low)} to {percent(high)}). "
        f"Median width {fixed(widths[len(widths) // 2], quantity.digits)}{unit}."
    )


def errors(story: Story) -> Node:
    """Errors of the predictions with their intervals, a panel for each quantity."""
    count = max(len(story.ends), 1)
    tall, gap = 150.0, 34.0
    drawn: list[Child] = [_key()]
    for n, quantity in enumerate(QUANTITIES):
        tested = guesses(story, quantity)
        seen = [v for g in tested for v in (g.error, g.low, g.high) if v is not None]
        top = 30 + n * (tall + gap)
        frame = Frame.at((74, top, WIDTH - 98, tall), (0.4, count + 0.6), span([0.0, *seen], least=1e-3))
        last = n == len(QUANTITIES) - 1
        words = "sample (in the order in which its fate was known)" if last else None
        drawn += [
            frame.axes(words, quantity.title, whole=True),
            el("line", class_="zero", x1=frame.x.start, x2=frame.x.end, y1=frame.y(0), y2=frame.y(0)),
            [_guess(g, frame) for g in tested],
        ]
    height = 30 + len(QUANTITIES) * (tall + gap) + 14
    return drawing(WIDTH, height, "Errors of predictions and the intervals that should hold them", *drawn)


def _guess(guess: Guess, frame: Frame) -> Node:
    x, y = frame.point(guess.place, guess.error)
    kind = {None: "unbound", True: "held", False: "broken"}[guess.held]
    mark: list[Child] = []
    if guess.low is not None and guess.high is not None:
        ends = (frame.y(guess.low), frame.y(guess.high))
        mark.append(el("line", class_=f"interval {kind}", x1=x, x2=x, y1=ends[0], y2=ends[1]))
        mark += [el("line", class_=f"interval {kind}", x1=x - 3, x2=x + 3, y1=end, y2=end) for end in ends]
    mark.append(el("circle", class_=f"guess {kind}", cx=x, cy=y, r=3.6))
    return linked(guess.candidate, el("g", mark))


def _key() -> Node:
    at, drawn = 74.0, []
    words = {"held": "inside its interval", "broken": "outside its interval", "unbound": "no interval: too few labels"}
    for kind, text in words.items():
        drawn += [
            el("circle", class_=f"guess {kind}", cx=at + 5, cy=12, r=3.6),
            label(at + 15, 16, text, kind="legend"),
        ]
        at += 40 + 6.4 * len(text)
    return el("g", drawn)


def learning(story: Story) -> list[Node]:
    """Each metric of the models against the number of labels that they were fitted on."""
    names = list(dict.fromkeys(m.name for model in story.models for m in model.metrics))
    return [_metric(story, name) for name in names[:4]]


def _metric(story: Story, name: str) -> Node:
    found: list[tuple[int, float, bool]] = []
    unit, factor = "", 1.0
    for model in story.models:
        for m in model.metrics:
            if m.name == name:
                factor, unit = (1000.0, "mÅ") if m.unit == "Angstrom" else (1.0, "" if m.unit == "1" else m.unit)
                found.append((model.n_observations, m.value * factor, isinstance(model, ModelReleased)))
    values = [v for _, v, _ in found]
    xs = span([float(n) for n, _, _ in found], margin=0.08, least=4)
    frame = Frame.at((74, 30, 390, 150), xs, (min(0.0, *values, 0.0), span([0.0, *values], margin=0.12)[1]))
    used = [frame.point(n, v) for n, v, released in found if released]
    drawn: list[Child] = [
        label(74, 16, _spelt(name), kind="panel-title"),
        frame.axes(
            "labels that the model was fitted on", f"error / {unit}" if unit else "error", x_ticks=6, whole=True
        ),
        el("path", class_="trace", d=line(used)),
        [_model(frame.point(n, v), released, f"{n} labels: {v:.4g} {unit}") for n, v, released in found],
    ]
    return drawing(480, 232, _spelt(name), *drawn)


def _model(at: tuple[float, float], released: bool, tip: str) -> Node:  # noqa: FBT001  two kinds of dots
    kind = "guess held" if released else "guess broken"
    return el("circle", el("title", tip), class_=kind, cx=at[0], cy=at[1], r=4)


def _spelt(metric: str) -> str:
    words = metric.replace("_", " ")
    return f"Leave-one-out error, {words.removeprefix('mae ')}" if words.startswith("mae ") else words


def rejected(story: Story) -> Sequence[str]:
    """Models that were not released, and why."""
    return [
        f"{m.model_id} ({m.n_observations} labels): {m.reason}"
        for m in story.models
        if not isinstance(m, ModelReleased)
    ]
