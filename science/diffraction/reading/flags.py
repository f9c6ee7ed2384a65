"""What may have been done to a file's numbers on their way into a pattern, in single words.

Whoever reads a pattern can tell by them what is as measured and what was repaired; `Pattern.notes` says the
same in sentences, with numbers.
"""

from __future__ import annotations

SORTED = "angles-sorted"
"""Angles were not in order."""
REPEATED = "repeated-angles-averaged"
"""Some angles were there more than once."""
JOINED = "ranges-joined"
"""Scans over different ranges were put together."""
SCALED = "ranges-scaled"
"""They had been counted for different times, and were scaled to the longest."""
AVERAGED = "repeated-scans-averaged"
"""The same range was scanned more than once, with the same outcome."""
LEFT_OUT = "other-scans-left-out"
"""Of several scans that cannot be one pattern the first was taken."""
GAP = "gap-between-ranges"
"""Some angles in between were not measured."""
RAISED = "negative-counts-raised"
"""The whole pattern was raised until nothing was negative."""
BAD_POINTS = "bad-points-left-out"
"""Points without a number, or at angles at which nothing diffracts, were left out."""
SPIKES = "spikes-left-out"
"""Single points far above both neighbours, as cosmic rays make them, were left out."""
CONVERTED = "axis-converted"
"""Angles were calculated from q, d or radians."""
THINNED = "points-averaged"
"""There were so many points that neighbours were averaged."""
OTHER_FORMAT = "not-what-its-suffix-says"
"""The content is of another format than the suffix."""
FURTHER_COLUMNS = "further-columns-left-out"
"""There were more columns than an angle, an intensity and its error."""
CONTRADICTION = "anode-contradicts-wavelength"
"""The wavelength is no line of the anode that the file names."""
