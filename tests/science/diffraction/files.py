"""Small files in each format that the readers know, shaped as instruments write them, all with the same scan."""

from __future__ import annotations

import io
import struct
import zipfile

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

X = np.round(np.arange(20.0, 30.0, 0.05), 4)
Y = np.round(50 + 900 * np.exp(-(((X - 25.3) / 0.12) ** 2)) + 300 * np.exp(-(((X - 28.1) / 0.12) ** 2)))
"""``(200,)`` whole counts."""
K_ALPHA1, K_ALPHA2 = 1.540598, 1.544426


def columns(separator: str = " ", *, header: str = "", esd: bool = False) -> bytes:
    """Angle, counts and perhaps an error in columns."""
    rows = [[f"{x:.4f}", f"{y:.1f}", *([f"{y**0.5:.3f}"] if esd else [])] for x, y in zip(X, Y, strict=True)]
    return (header + "\n".join(separator.join(row) for row in rows) + "\n").encode()


def xrdml(*, listed: bool = False, attenuated: bool = False) -> bytes:
    """PANalytical XRDML 1.5, with positions as a range or a list."""
    positions = (
        f"<listPositions>{' '.join(map(str, X))}</listPositions>"
        if listed
        else f"<startPosition>{X[0]}</startPosition><endPosition>{X[-1]}</endPosition>"
    )
    factor = np.where(Y > 500, 10.0, 1.0) if attenuated else np.ones_like(Y)
    attenuation = f"<beamAttenuationFactors>{' '.join(map(str, factor))}</beamAttenuationFactors>" if attenuated else ""
    name = "counts" if attenuated else "intensities"
    values = " ".join(str(v) for v in Y / factor)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/1.5" status="Completed">
 <xrdMeasurement measurementType="Scan" status="Completed">
  <usedWavelength intended="K-Alpha 1"><kAlpha1 unit="Angstrom">{K_ALPHA1}</kAlpha1>
   <kAlpha2 unit="Angstrom">{K_ALPHA2}</kAlpha2><ratioKAlpha2KAlpha1>0.5000</ratioKAlpha2KAlpha1></usedWavelength>
  <scan appendNumber="0" mode="Continuous" scanAxis="Gonio" status="Completed">
   <dataPoints><positions axis="2Theta" unit="deg">{positions}</positions>
    <positions axis="Omega" unit="deg"><startPosition>10</startPosition><endPosition>15</endPosition></positions>
    {attenuation}<commonCountingTime unit="seconds">1.0</commonCountingTime><{name} unit="counts">{values}</{name}>
   </dataPoints></scan></xrdMeasurement></xrdMeasurements>""".encode()


def ras(*, attenuator: float = 1.0) -> bytes:
    """Rigaku RAS: header lines, then angle, counts, attenuator factor."""
    rows = "\r\n".join(f"{x:.4f} {y / attenuator:.4f} {attenuator:.4f}" for x, y in zip(X, Y, strict=True))
    head = f'*RAS_DATA_START\r\n*RAS_HEADER_START\r\n*HW_XG_WAVE_LENGTH_ALPHA1 "{K_ALPHA1}"\r\n*RAS_HEADER_END\r\n'
    return (head + "*RAS_INT_START\r\n" + rows + "\r\n*RAS_INT_END\r\n*RAS_DATA_END\r\n").encode("latin-1")


def gsas(kind: str = "STD") -> bytes:
    """GSAS powder data of one bank: STD, ESD or FXYE; cards are padded to eighty columns."""
    per_card = {"STD": 10, "ESD": 5, "FXYE": 1}[kind]
    fields = {
        "STD": [f" 1{y:6.0f}" for y in Y],
        "ESD": [f"{y:8.1f}{y**0.5:8.2f}" for y in Y],
        "FXYE": [f"{100 * x:15.6f} {y:15.4f} {y**0.5:15.6f}" for x, y in zip(X, Y, strict=True)],
    }[kind]
    cards = ["".join(fields[n : n + per_card]) for n in range(0, len(fields), per_card)]
    bank = f"BANK 1 {len(X)} {len(cards)} CONST {100 * X[0]:.2f} 5.00 0 0 {kind}"
    return "\n".join(f"{card:<80}" for card in ["A scan for the tests", bank, *cards]).encode() + b"\n"


def uxd() -> bytes:
    """Bruker UXD with counts and the positions beside them."""
    rows = "\n".join(f"   {x:.4f}      {y:.0f}" for x, y in zip(X, Y, strict=True))
    head = f"; a comment\n_FILEVERSION=2\n_SAMPLE='test'\n_ANODE='Cu'\n_WL1={K_ALPHA1}\n_WL2={K_ALPHA2}\n"
    drive = f"_DRIVE='COUPLED'\n_STEPTIME=1.0\n_STEPSIZE=0.05\n_START={X[0]}\n_2THETACOUNTS\n"
    return (head + drive + rows + "\n").encode()


def raw1(*, ranges: int = 1, supplement: int = 40) -> bytes:
    """Bruker RAW1.01: a file header of 712 bytes; per range a header of 304 bytes, a supplement and the counts."""
    head = bytearray(712)
    head[:8] = b"RAW1.01\x00"
    struct.pack_into("<I", head, 12, ranges)
    struct.pack_into("<dd", head, 624, K_ALPHA1, K_ALPHA2)
    parts = [bytes(head)]
    for x, y in zip(np.array_split(X, ranges), np.array_split(Y, ranges), strict=True):
        header = bytearray(304)
        struct.pack_into("<II", header, 0, 304, len(x))
        struct.pack_into("<dd", header, 8, x[0] / 2, x[0])
        struct.pack_into("<d", header, 176, 0.05)
        struct.pack_into("<I", header, 256, supplement)
        parts += [bytes(header), bytes(supplement), y.astype("<f4").tobytes()]
    return b"".join(parts)


def _zipped(members: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return content.getvalue()


def rasx() -> bytes:
    """Rigaku SmartLab Studio: a manifest, a profile and its conditions in a zip archive."""
    rows = "\n".join(f"{x:.4f}\t{y:.0f}\t1" for x, y in zip(X, Y, strict=True))
    manifest = (
        '<?xml version="1.0" encoding="utf-8"?><Root Version="1.1.0.0"><Data0 Type="Profile">'
        '<ContentHashList Name="Profile0.txt" ContentHash="0"/>'
        '<ContentHashList Name="MesurementConditions0.xml" ContentHash="0"/></Data0></Root>'
    )
    conditions = (
        '<?xml version="1.0" encoding="utf-8"?><MeasurementConditions><ScanInformation><AxisName>TwoTheta</AxisName>'
        "<IntensityUnit>counts</IntensityUnit><Step>0.05</Step><Speed>3</Speed><SpeedUnit>deg/min</SpeedUnit>"
        "</ScanInformation><XrayGenerator><TargetName>Cu</TargetName>"
        f"<WavelengthKalpha1>{K_ALPHA1}</WavelengthKalpha1><WavelengthKalpha2>{K_ALPHA2}</WavelengthKalpha2>"
        "</XrayGenerator></MeasurementConditions>"
    )
    return _zipped({"root.xml": manifest, "Data0/Profile0.txt": rows, "Data0/MesurementConditions0.xml": conditions})


def brml() -> bytes:
    """Bruker DIFFRAC: a container, and raw data whose columns are described by views, in a zip archive."""
    rows = "".join(f"<Datum>1,1,{x:.4f},{x / 2:.4f},{y:.0f}</Datum>" for x, y in zip(X, Y, strict=True))
    container = (
        '<?xml version="1.0"?><DataContainer><RawDataReferenceList><string>Experiment0/RawData0.xml</string>'
        "</RawDataReferenceList></DataContainer>"
    )
    views = (
        '<RawDataView xsi:type="FixedRawDataView" Start="0" Length="1" LogicName="MeasuredTime"/>'
        '<RawDataView xsi:type="FixedRawDataView" Start="1" Length="1" LogicName="AbsorptionFactor"/>'
        '<RawDataView xsi:type="VaryingRawDataView" Start="2" Length="2"><Varying>'
        '<FieldDefinitions FieldName="TwoTheta" AxisId="TwoTheta"/><FieldDefinitions FieldName="Theta" AxisId="Theta"/>'
        '</Varying></RawDataView><RawDataView xsi:type="RecordedRawDataView" Start="4" Length="1">'
        '<Recording><Unit Base="Counts"/></Recording></RawDataView>'
    )
    scan = (
        '<?xml version="1.0"?><RawData xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><FixedInformation>'
        f'<Tube><WaveLength Unit="Å" Value="{K_ALPHA1}"/></Tube>'
        '</FixedInformation><DataRoutes><DataRoute RouteFlag="Measured"><ScanInformation ScanName="TwoThetaOmegaScan">'
        '<ScanAxes><ScanAxisInfo AxisId="TwoTheta"/></ScanAxes></ScanInformation>'
        f"{rows}<DataViews>{views}</DataViews></DataRoute></DataRoutes></RawData>"
    )
    return _zipped({"Experiment0/DataContainer.xml": container, "Experiment0/RawData0.xml": scan})


def nexus(
    *, name: str = "two_theta", unit: str = "deg", values: Array = X, wavelength: float | None = K_ALPHA1
) -> bytes:
    """NeXus: an entry with its instrument, and a plot of counts over something."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        entry = file.create_group("entry")
        entry["definition"] = "NXmonopd"
        entry["start_time"] = "2026-11-02T08:00:00+01:00"
        entry["instrument/name"] = "bench diffractometer"
        if wavelength is not None:
            entry["instrument/beam/incident_wavelength"] = wavelength
            entry["instrument/beam/incident_wavelength"].attrs["units"] = "angstrom"
        plot = entry.create_group("plot")
        plot.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": name})
        plot[name] = values
        plot[name].attrs["units"] = unit
        plot["counts"] = Y
    return content.getvalue()


GOOD: dict[str, bytes] = {
    "a.xy": columns(),
    "a.xye": columns(esd=True),
    "a.csv": columns(",", header="Angle,Intensity\n"),
    "a.txt": columns("\t"),
    "a.dat": columns("   "),
    "a.prn": columns("  "),
    "a.xrdml": xrdml(),
    "a.ras": ras(),
    "a.gsas": gsas(),
    "a.gsa": gsas("ESD"),
    "a.xra": gsas("FXYE"),
    "a.uxd": uxd(),
    "a.raw": raw1(),
    "a.brml": brml(),
    "a.rasx": rasx(),
    "a.nxs": nexus(),
    "a.nexus": nexus(),
    "a.h5": nexus(),
    "a.hdf5": nexus(),
}
"""File name → its content, for each suffix that can be read."""
