"""Files as the diffractometer's program writes them, before an update and after it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from contracts.instruments import ScanRequest
from science.diffraction.errors import PatternError
from science.diffraction.readers import read_pattern_bytes
from simulators.journal import Entry
from simulators.wear import KNOWN_SCHEMA, NEW_SCHEMA
from simulators.xrdml import xrdml
from tests.contracts.examples import EPOCH

REQUEST = ScanRequest(key="k", sample_id="c-1-v1", start=15, stop=90, step=0.02, seconds_per_step=0.5)
ANGLES = np.linspace(15, 90, 3751)
COUNTS = np.arange(100.0, 3851.0)


def written(schema: str) -> bytes:
    """One scan in a schema."""
    return xrdml(REQUEST, ANGLES, COUNTS, Entry("k", 1, EPOCH, EPOCH, {}), schema=schema)


def test_the_known_schema_is_read_to_the_count() -> None:
    """Angles and counts come back as they were."""
    pattern = read_pattern_bytes("a.xrdml", written(KNOWN_SCHEMA))
    np.testing.assert_allclose(pattern.two_theta, ANGLES, atol=1e-6)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)


def test_the_new_schema_is_refused_by_name() -> None:
    """The reader says which version it got, and reads nothing."""
    with pytest.raises(PatternError, match=f"got version {NEW_SCHEMA}"):
        read_pattern_bytes("a.xrdml", written(NEW_SCHEMA))


def test_the_new_schema_in_disguise_is_betrayed_by_its_units() -> None:
    """Even under the name of the known schema radians are refused: no version of it has them."""
    disguised = written(NEW_SCHEMA).replace(NEW_SCHEMA.encode(), KNOWN_SCHEMA.encode())
    with pytest.raises(PatternError, match="Expected angles in degrees in a.xrdml, got them in 'rad'"):
        read_pattern_bytes("a.xrdml", disguised)


def test_both_are_whole_xml_and_name_their_units() -> None:
    """Who looks closely finds the units of angles and intensities in the file."""
    for schema, angle, unit in ((KNOWN_SCHEMA, "deg", "counts"), (NEW_SCHEMA, "rad", "cps")):
        root = ET.fromstring(written(schema))  # noqa: S314  our own file
        space = {"x": f"http://www.xrdml.com/XRDMeasurement/{schema}"}
        positions, intensities = (root.find(f".//x:{name}", space) for name in ("positions", "intensities"))
        assert positions is not None
        assert intensities is not None
        assert (positions.get("unit"), intensities.get("unit")) == (angle, unit)
