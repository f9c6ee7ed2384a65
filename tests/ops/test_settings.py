"""Campaign files: what is shipped loads, and every mistake is named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ops.errors import CampaignFileError
from ops.settings import load_campaign, shipped


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_campaigns_load_under_their_own_name(name: str) -> None:
    """A shipped name is the name in its file, and its plan is whole."""
    campaign = load_campaign(name)
    assert campaign.name == name
    assert campaign.plan.goal.lattice == 4.116


def test_the_command_line_changes_single_values() -> None:
    """What was typed replaces the file's value and nothing else."""
    campaign = load_campaign("quick", {"budget": {"max_samples": 5}})
    assert campaign.budget.max_samples == 5
    assert campaign.budget.max_weeks == load_campaign("quick").budget.max_weeks


def _with(tmp_path: Path, old: str, new: str) -> str:
    text = shipped()["quick"]
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    return str(path)


SIMULATED = 'synthesis = "simulated"'
PLAYED = 'synthesis = "mqtt"\nsimulate_furnace = true'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("alpha = 0.1", "alpha = 0.7", r"trust\.alpha = 0\.7: input should be less than 0\.5"),
        (
            "alpha = 0.1",
            "alpha = 0.1\ncolour = 'red'",
            r"an unknown key trust\.colour \(known here: alpha, max_width_lattice, ",
        ),
        ("sample_mass", "samplemass", r"unknown key laboratory\.samplemass \(did you mean sample_mass\?\)"),
        ('"furnace-1", capacity = 4', '"f", capacity = 4, hot = 1', r"hot \(known here: name, capacity\)"),
        ('a_site = ["Ca", "Sr", "Ba"]', "a_site = []", r"space\.a_site: expected 1 or more, got none"),
        ('a_site = ["Ca", "Sr", "Ba"]', 'a_site = "Ca"', r"space\.a_site = 'Ca': expected a list in square brackets"),
        ('a_site = ["Ca", "Sr", "Ba"]', 'a_site = ["calcium"]', r"= 'calcium': expected the symbol of an element"),
        ("[budget]\nmax_samples = 12\nmax_weeks = 52", "", r"no value for budget"),
        ('title = "', 'budget = 3\ntitle = "', r"Expected TOML"),
        ("[scan]", "[scam]", r"no value for scan \(add it\).*an unknown key scam"),
        ("tolerance_factor = [0.96, 1.04]", "tolerance_factor = [1.2, 1.1]", r"space: expected a tolerance-factor"),
        ('a_site = ["Ca", "Sr", "Ba"]', 'a_site = ["Ca", "Sr", "Ti"]', r"each element on one site, got Ti on both"),
        ("step = 0.02", "step = -1", r"scan\.step = -1"),
        ("dropped_vial = 0.005", "dropped_vial = 5", r"simulation\.faults\.dropped_vial = 5"),
        (SIMULATED, 'synthesis = "mqtt"', r"instruments: expected a real diffractometer beside real furnaces"),
        (SIMULATED, 'synthesis = "simulated"\nbroker_port = 1883', r'expected synthesis = "mqtt" beside'),
        (SIMULATED, f'{PLAYED}\nbroker = "mqtt://x"\nbroker_port = 1', r"expected a broker, or the port of one's own"),
        (SIMULATED, f'{PLAYED}\nbroker = "x:1883"', r"instruments\.broker = 'x:1883': expected a broker as mqtt://"),
        (SIMULATED, f"{PLAYED}\nbroker_port = 0", r"instruments\.broker_port = 0"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    """The message says which key, what was found and what is allowed."""
    with pytest.raises(CampaignFileError, match=told):
        load_campaign(_with(tmp_path, old, new))


def test_what_is_no_toml_is_said_with_its_line(tmp_path: Path) -> None:
    """A syntax error names the place in the file."""
    path = tmp_path / "broken.toml"
    path.write_text("name = \n")
    with pytest.raises(CampaignFileError, match="Expected TOML in .*line 1"):
        load_campaign(str(path))


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A typo gets the list of what is shipped."""
    with pytest.raises(CampaignFileError, match=r"bso-match, .*quick.*got 'bso-macth'"):
        load_campaign("bso-macth")


def test_comments_of_shipped_files_do_not_lie() -> None:
    """The documented unit of each scan value is the one that the plan takes: 75 degrees in 0.02 steps."""
    scan = tomllib.loads(shipped()["bso-match"])["scan"]
    assert (scan["stop"] - scan["start"]) / scan["step"] == pytest.approx(3750)


@pytest.mark.parametrize(
    ("instruments", "listener", "who"),
    [
        (SIMULATED, None, "all simulated"),
        (PLAYED, -1, "all simulated"),
        (f"{PLAYED}\nbroker_port = 1883", 1883, "all simulated"),
        (f'{PLAYED}\nbroker = "mqtt://broker"', None, "all simulated"),
        ('synthesis = "mqtt"\nfolder = "in"', -1, "real furnaces"),
    ],
)
def test_who_makes_the_samples_follows_from_the_file(
    tmp_path: Path, instruments: str, listener: int | None, who: str
) -> None:
    """Whether the embedded server listens for furnaces, whether they are real, and whether time may be played with."""
    path = tmp_path / "mine.toml"
    text = shipped()["quick"].replace(SIMULATED, instruments)
    real = who == "real furnaces"
    if real:
        text = text.replace('diffraction = "simulated"', 'diffraction = "file-drop"')
    path.write_text(text)
    found = load_campaign(str(path)).instruments
    assert (found.listener, found.real_furnaces, found.all_simulated) == (listener, real, not real)


@pytest.mark.parametrize(("site", "known"), [("a_site", "Ca, Sr, Ba, La"), ("b_site", "Ti, Zr, Sn, Hf, Al, Sc, In")])
def test_an_element_that_nobody_can_draw_is_refused(tmp_path: Path, site: str, known: str) -> None:
    """It was passed over in silence, and looked for in vain."""
    there = next(line for line in shipped()["quick"].splitlines() if line.startswith(site))
    path = _with(tmp_path, there, f'{site} = ["Xx", "U"]')
    limits = "max_fraction = { Sn = 0.10 }"
    Path(path).write_text(Path(path).read_text().replace(limits, "max_fraction = {}"))
    with pytest.raises(CampaignFileError, match=rf"space\.{site} of .*mine\.toml \({known}\), got Xx, U\."):
        load_campaign(path)


def test_a_mistake_of_the_command_line_is_not_put_down_to_the_file() -> None:
    """The option is named, and a table that is none is no traceback."""
    with pytest.raises(CampaignFileError, match=r"got --until-weeks = -3: input should be greater than 0\.$"):
        load_campaign("quick", {"budget": {"max_weeks": -3}})


def test_a_table_that_is_none_takes_no_option(tmp_path: Path) -> None:
    """What is typed cannot go into it; the file is told to be wrong."""
    text = shipped()["quick"].replace("[budget]\nmax_samples = 12\nmax_weeks = 52\n", "")
    path = tmp_path / "mine.toml"
    path.write_text(f"budget = 3\n{text}")
    with pytest.raises(CampaignFileError, match=r"budget = 3: expected a table of keys and values"):
        load_campaign(str(path), {"budget": {"max_weeks": 3}})


def test_paths_begin_at_the_file_that_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command stands, it is the same library; one that is not there is told before anything begins."""
    (tmp_path / "here" / "cifs").mkdir(parents=True)
    path = _with(tmp_path / "here", SIMULATED, f'{SIMULATED}\nlibrary = "cifs"')
    monkeypatch.chdir(tmp_path)
    found = load_campaign(str(Path(path).relative_to(tmp_path))).instruments.library
    assert found == str(tmp_path / "here" / "cifs")
    missing = _with(tmp_path / "here", SIMULATED, f'{SIMULATED}\nlibrary = "cif"')
    with pytest.raises(CampaignFileError, match=r"at .*here/cif, got nothing there\. Correct instruments\.library"):
        load_campaign(missing)
