"""A folder holds one campaign: whoever comes with another is told what differs, in short words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.errors import ResumeError
from ops.order import LONGEST, Order, check_folder
from ops.settings import load_campaign


def order(out: Path, name: str = "quick", **changes: object) -> Order:
    return Order(load_campaign(name, changes), 0, virtual=True, out=out)


def test_the_same_campaign_goes_on(tmp_path: Path) -> None:
    """The first time leaves a card, and the second finds it."""
    check_folder(order(tmp_path))
    check_folder(order(tmp_path))


def test_another_campaign_is_refused_with_what_differs(tmp_path: Path) -> None:
    """Each difference names its key and both values; nothing is touched."""
    check_folder(order(tmp_path))
    before = (tmp_path / "campaign.json").read_bytes()
    with pytest.raises(ResumeError, match=r"file\.budget\.max_samples is 12 there and 9 here"):
        check_folder(order(tmp_path, budget={"max_samples": 9}))
    assert (tmp_path / "campaign.json").read_bytes() == before


@pytest.mark.parametrize("content", ["[]", "3", '{"a": 1}', '{"file": 3}', "no JSON"])
def test_what_is_no_card_is_refused(tmp_path: Path, content: str) -> None:
    """Somebody else's campaign.json is not printed at whoever stumbles over it."""
    (tmp_path / "campaign.json").write_text(content)
    with pytest.raises(ResumeError, match="Expected the card of a campaign"):
        check_folder(order(tmp_path))


def test_values_are_told_in_short(tmp_path: Path) -> None:
    """A card of another form names keys, and not the whole of what stands under them."""
    (tmp_path / "campaign.json").write_text(json.dumps({"file": {"space": ["long"] * 1000}}))
    with pytest.raises(ResumeError) as told:
        check_folder(order(tmp_path))
    assert "campaign is not said there" in str(told.value)
    assert len(str(told.value)) < 12 * LONGEST


def test_a_folder_of_before_paths_began_at_the_file_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its card names the library as it was seen from where the command stood then."""
    (tmp_path / "cifs").mkdir()
    text = load_campaign("quick")
    instruments = text.instruments.model_copy(update={"library": str(tmp_path / "cifs")})
    mine = Order(text.model_copy(update={"instruments": instruments}), 0, virtual=True, out=tmp_path)
    check_folder(mine)
    card = json.loads((tmp_path / "campaign.json").read_text())
    card["file"]["instruments"]["library"] = "cifs"
    (tmp_path / "campaign.json").write_text(json.dumps(card))
    monkeypatch.chdir(tmp_path)
    check_folder(mine)
    monkeypatch.chdir("/")
    with pytest.raises(ResumeError, match=r"library is \"/cifs\" there"):
        check_folder(mine)
