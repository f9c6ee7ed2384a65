"""What becomes of each fault, counted: the real agents make, measure and learn in the simulated laboratory.

``python -m tests.bench.faults [--vials 400] [--weeks 24] [--times 1] [--seed 1] [--only misweigh] [--interval 7]``

With ``--only`` that one fault strikes every time, so that a hundred vials say how many of a hundred are caught; one
that comes with time, such as ``thermocouple_drift``, comes at its rate over all the weeks. ``--interval`` says how many
days a furnace is believed after a calibration, 0 for ever.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from contracts.learning import ObservationRecorded, ObservationRetracted, ObservationWithheld
from contracts.synthesis import FurnaceCalibrated, SampleLost
from ops.reckoning import Fate
from simulators.rates import STRIKING, FaultRates
from tests.ops.making import Made, make


def _rates(given: argparse.Namespace) -> FaultRates:
    if given.only:
        rate = 1.0 if given.only in STRIKING else getattr(FaultRates(), given.only)
        return FaultRates.none().model_copy(update={given.only: rate})
    return FaultRates().times(given.times)


def _tell(made: Made) -> None:
    print(f"{'fault':20} {'injected':>8}", *(f"{fate.value:>8}" for fate in Fate))
    for kind, fates in made.reckoning.table().items():
        print(f"{kind:20} {fates.total():8}", *(f"{fates[fate] or '':>8}" for fate in Fate))
    labels, kept_out, lost = (made.of(k) for k in (ObservationRecorded, ObservationWithheld, SampleLost))
    struck = {j.fault.thing for j in made.reckoning.judged}
    by_mass = [e for e in kept_out if "conservation of mass" in e.reason and e.sample_id not in struck]
    print(f"{len(labels)} labels, {len(kept_out)} withheld, {len(lost)} lost")
    print(f"withheld for their mass though no fault had struck them: {len(by_mass)}")
    found = [e.deviation for e in made.of(FurnaceCalibrated)]
    taken_back = made.of(ObservationRetracted)
    furthest = max(found, key=abs, default=0.0)
    print(f"{len(found)} calibrations, furthest off {furthest:+.2f} K; {len(taken_back)} labels taken back")
    print("poisoned labels:", dict(made.reckoning.poisoned_by()) or "none")
    for told in made.reckoning.of(Fate.MISSED):
        print("  missed", told)


def main() -> None:
    """Prints kind by kind what was injected and what became of it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--vials", type=int, default=400)
    arguments.add_argument("--weeks", type=float, default=24)
    arguments.add_argument("--times", type=float, default=1)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--only", choices=(*STRIKING, "thermocouple_drift"))
    arguments.add_argument("--interval", type=float, default=7.0)
    given = arguments.parse_args()
    over = None if given.only in STRIKING else timedelta(weeks=given.weeks)
    with tempfile.TemporaryDirectory() as folder:
        made = make(
            Path(folder), _rates(given), seed=given.seed, vials=given.vials, over=over, interval_days=given.interval
        )
        _tell(asyncio.run(made))


if __name__ == "__main__":
    main()
