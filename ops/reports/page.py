"""The whole page: one file that needs nothing else, in sections that follow a sample's life."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

from ops.plotting.standings import histories
from ops.reports import candidates, compositions, doubts, progress, provenance, standards, timeline, trust
from ops.reports.diffractogram import PHASES, Seen, close_ups, diffractogram, flagged, look_again
from ops.reports.evidence import Evidence
from ops.reports.flow import flow
from ops.reports.formulas import composition, formula
from ops.reports.header import header
from ops.reports.markup import Child, Node, Raw, el
from ops.reports.story import Candidate, Story
from ops.wording import fixed, percent, plural

FLAGGED = 12
"""Most flagged patterns that are drawn; the table names all."""


@cache
def _own(name: str) -> str:
    return resources.files("ops.reports").joinpath(name).read_text(encoding="utf-8")


def page(story: Story, evidence: Evidence, beside: Story | None = None) -> str:
    """The page as text.

    Args:
        story: the campaign.
        evidence: what it was told from; troubles that turn up on the way are added to it.
        beside: another campaign to compare the progress with.
    """
    sections = [
        _section("progress", "Progress", *_progress(story, beside)),
        _section("fates", "Fates of all candidates", *_fates(story)),
        _section("compositions", "Composition map", *_compositions(story)),
        _section("pattern", "Best sample's pattern", *_pattern(story, evidence)),
        _section("doubts", "Refusals, failures and doubts", *_doubts(story, evidence)),
        *_standards(evidence),
        _section("trust", "How far the predictions held", *_trust(story)),
        _section("provenance", "Provenance", *_provenance(story, evidence)),
    ]
    troubles = [*provenance.contradictions(story, evidence), *evidence.troubles]
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"{story.campaign}: campaign report"),
        el("style", Raw(_own("style.css"))),
    )
    body = el(
        "body",
        el("div", header(story, evidence), _troubles(troubles), _navigation(sections), class_="column"),
        el("main", sections, class_="column"),
        el("footer", "Made by Athanor from the recorded log alone.", class_="column"),
        el("script", Raw(_own("script.js"))),
    )
    return "<!DOCTYPE html>\n" + el("html", head, body, lang="en").render() + "\n"


def _section(name: str, title: str, *content: Child) -> Node:
    return el("section", el("h2", title), *content, id=name)


def _navigation(sections: Sequence[Node]) -> Node:
    entries = []
    for section in sections:
        name = dict(section.attributes)["id"]
        entries.append(el("a", name.capitalize(), href=f"#{name}"))
    return el("nav", entries, aria_label="Sections")


def _troubles(troubles: Sequence[str]) -> Node | None:
    """What could not be read or does not agree, before anybody looks at a figure."""
    if not troubles:
        return None
    title = el("strong", "Something is missing or does not agree")
    rows = [el("li", trouble) for trouble in dict.fromkeys(troubles)]
    return el("div", title, el("ul", rows), class_="troubles", role="alert")


def _figure(drawn: Child, words: Child, kind: str = "") -> Node:
    return el("figure", drawn, el("figcaption", words), class_=kind or None)


def _progress(story: Story, beside: Story | None) -> list[Child]:
    if not story.ends:
        return [el("p", "No sample has come to an end yet.")]
    drawn = timeline.timeline(story)
    return [
        _figure(progress.progress(story, beside), progress.caption(story, beside)),
        _figure(drawn, timeline.caption(story)) if drawn else None,
    ]


def _fates(story: Story) -> list[Child]:
    if not story.candidates:
        return [el("p", "Nothing was proposed.")]
    return [
        _figure(
            flow(list(story.candidates.values())), "Bands are as thick as the number of candidates that they carry."
        ),
        el("div", candidates.strip(story), candidates.key(story), class_="overview"),
        candidates.table(story),
        el(
            "p",
            "Predicted a: mean ± one standard deviation of the surrogate, below it the conformal interval where there "
            "were enough labels for one. Numbers in brackets were measured but not believed. A decision unfolds to its "
            "reasons.",
            class_="aside",
        ),
    ]


def _compositions(story: Story) -> list[Child]:
    if not story.candidates:
        return [el("p", "Nothing was proposed.")]
    sites = [compositions.site_map(story, name) for name in ("A", "B")]
    maps = el("div", compositions.lattice_map(story), el("div", sites, class_="stack"), class_="side-by-side")
    return [_figure(maps, compositions.caption(story))]


def _pattern(story: Story, evidence: Evidence) -> list[Child]:
    best = story.best
    if best is None:
        return [el("p", "Nothing was learnt, so there is no best sample.")]
    seen = look_again(best, evidence)
    words = el("p", seen.words, class_="agrees" if seen.agrees else "differs")
    if seen.picture is None:
        return [words]
    quality = seen.picture.answer
    told = (
        f". Calculated from the phases below; Rwp {percent(seen.picture.r_wp, 1)}, unexplained "
        f"{percent(quality.unexplained_fraction, 1)} of the net intensity, zero error {fixed(quality.zero, 3)}°, "
        f"displacement {fixed(quality.displacement, 3)} mm. Ticks are Kα1 lines of each phase."
    )
    caption: list[Child] = [f"{best.sample}, ", composition(best.proposed.composition), told]
    return [
        words,
        _figure(diffractogram(seen.picture), caption),
        _phases(seen),
        el("figure", el("div", close_ups(seen.picture), class_="pair")),
    ]


def _phases(seen: Seen) -> Child:
    if seen.picture is None or not seen.picture.answer.phases:
        return None
    names = ("", "phase", "space group", "weight %", "a, b, c / Å", "α, β, γ / °", "confidence")
    rows = [
        el(
            "tr",
            el("td", el("span", class_=f"swatch p{n % PHASES}")),
            el("td", formula(p.formula)),
            el("td", str(p.space_group), class_="num"),
            el("td", fixed(100 * p.weight_fraction, 1), class_="num"),
            el("td", ", ".join(fixed(v, 4) for v in p.lattice.parameters[:3]), class_="num"),
            el("td", ", ".join(f"{v:.5g}" for v in p.lattice.parameters[3:]), class_="num"),
            el("td", fixed(p.confidence, 2), class_="num"),
        )
        for n, p in enumerate(seen.picture.answer.phases)
    ]
    head = el("tr", [el("th", name, scope="col") for name in names])
    return el("div", el("table", el("thead", head), el("tbody", rows), class_="plain"), class_="scroll")


def _doubts(story: Story, evidence: Evidence) -> list[Child]:
    found: list[Child] = [doubts.bars(story)]
    if (injected := doubts.injected(evidence.summary)) is not None:
        found += [el("h3", "Faults that the simulated world injected"), injected]
    if (listed := doubts.incidents(story)) is not None:
        found += [el("h3", "Incidents"), listed]
    wrong = [c for c in story.ends if c.flagged is not None]
    if wrong:
        drawn = [node for c in wrong[:FLAGGED] if (node := _flagged(c, evidence)) is not None]
        shown = "" if len(wrong) <= FLAGGED else f", the first {FLAGGED} of which are drawn"
        found += [
            el("h3", f"{plural(len(wrong), 'pattern')} that could not be accounted for{shown}"),
            el("figure", el("div", drawn, class_="pair")) if drawn else None,
            el("ul", [el("li", el("a", c.sample, href=f"#{c.name}"), ": ", doubts.unexplained(c)) for c in wrong]),
        ]
    return found


def _flagged(candidate: Candidate, evidence: Evidence) -> Node | None:
    from science.diffraction.errors import DiffractionError
    from science.diffraction.readers import read_pattern_bytes

    if candidate.pattern is None:
        return None
    content = evidence.fetch(candidate.pattern.pattern)
    if content is None:
        return None
    try:
        return flagged(candidate, read_pattern_bytes(candidate.pattern.pattern.name, content))
    except DiffractionError:
        return None  # the reason why it was flagged says so in the list


def _standards(evidence: Evidence) -> list[Node]:
    """Where a standard was measured, what it said."""
    found = histories(recorded.envelope.data for recorded in evidence.log)
    if not found:
        return []
    return [
        _section(
            "standards",
            "How straight the diffractometer was",
            _figure(standards.standards(found), standards.caption(found)),
        )
    ]


def _trust(story: Story) -> list[Child]:
    told = [el("li", trust.coverage(story, q)) for q in trust.QUANTITIES]
    found: list[Child] = [el("ul", told)]
    if any(trust.guesses(story, q) for q in trust.QUANTITIES):
        words = (
            "Measured minus predicted value of each sample that was predicted and became a label; bars are conformal "
            "intervals, those of samples that were put to review among them. Withheld samples cannot be counted."
        )
        found.append(_figure(trust.errors(story), words))
    if story.models:
        words = "Leave-one-out errors as each model was fitted."
        if trust.rejected(story):
            words += " Orange dots are models that were not released."
        found.append(_figure(el("div", trust.learning(story), class_="pair"), words))
    if refused := trust.rejected(story):
        found.append(el("ul", [el("li", words) for words in refused]))
    return found


def _provenance(story: Story, evidence: Evidence) -> list[Child]:
    return [
        provenance.provenance(story, evidence),
        provenance.models(story),
        provenance.memories(evidence),
    ]
