"""The review desk: every question is put once, and the answer says who gave it."""

from __future__ import annotations

from collections import Counter

from contracts.instruments import ReviewAnswer
from contracts.review import ReviewDecided
from tests.agents.lab import House, started
from tests.agents.said import answered, asked, candidate, cleared, proposed
from tests.agents.world import Dice, World


def house(world: World) -> House:
    from agents.review_desk import ReviewDesk

    def crew(clock) -> list:
        world.clock = clock
        return [ReviewDesk(world.reviewer)]

    return House(crew, started(), workers=world.workers)


async def test_a_question_carries_everything_and_the_answer_is_recorded() -> None:
    """Composition, recipe, reasons and the whole decision record go out; reviewer, reason and simulation come back."""
    world, questions = World(), []
    decide = world.reviewer.decide

    async def watched(question) -> ReviewAnswer:
        questions.append(question)
        return await decide(question)

    world.reviewer.decide = watched
    said = await house(world).hear(proposed(1), asked(1))
    [question] = questions
    assert (question.composition, question.recipe) == (proposed(1).composition, proposed(1).recipe)
    assert question.reasons == asked(1).decision.reasons
    assert question.evidence == asked(1).decision.model_dump(mode="json")
    assert said == [answered(1, approved=True).model_copy(update={"reason": "so it was drawn"})]


async def test_a_declined_candidate_is_recorded_as_declined() -> None:
    """No is an answer, too."""
    [said] = await house(World(Dice(fixed={"review": "no"}))).hear(proposed(1), asked(1))
    assert not said.approved


async def test_questions_wait_beside_each_other() -> None:
    """A slow answer does not hold the other questions up."""
    world = World()
    said = await house(world).hear(*(proposed(n) for n in (1, 2, 3)), *(asked(n) for n in (1, 2, 3)))
    assert {e.candidate_id for e in said} == {candidate(n) for n in (1, 2, 3)}
    assert world.reviewer.asked == {candidate(n): 1 for n in (1, 2, 3)}


async def test_a_restart_at_any_point_finds_the_proposal_and_asks_nobody_twice() -> None:
    """Killed at each publication and started again, the desk never loses what a question is about."""
    for stored in (True, False):
        for n in range(1, 8):
            world = World()
            lab = house(world)

            lab.then = [proposed(1), asked(1), proposed(2), asked(2)]
            await lab.live(dies_at=n, stored=stored)
            before = Counter(
                {e.candidate_id: world.reviewer.asked[e.candidate_id] for e in await lab.events(ReviewDecided)}
            )
            await lab.live()
            answers = [e.candidate_id for e in await lab.events(ReviewDecided)]
            assert sorted(answers) == [candidate(1), candidate(2)]
            assert await lab.faults() == []
            again = {name: world.reviewer.asked[name] for name in before}
            assert again == before, "an answer in the log is not asked for again"


async def test_lost_acknowledgements_ask_nobody_again() -> None:
    """Delivered once more after its answer was stored, the question is not put to a human again."""
    world = World()
    lab = house(world)
    said = await lab.hear(proposed(1), asked(1))
    assert len(said) == 1
    lab.forget_acknowledgements(after=0)
    assert await lab.hear() == []
    assert world.reviewer.asked == {candidate(1): 1}


async def test_a_question_about_what_nobody_proposed_is_set_aside_with_its_reason() -> None:
    """Somebody's mistake is recorded and does not stop the desk."""
    world = World()
    lab = house(world)
    [said] = await lab.hear(asked(9), proposed(1), asked(1))
    assert said.candidate_id == candidate(1)
    faults = await lab.faults()
    assert [f.parked for f in faults] == [False, False, True]
    assert "Expected a proposal of c-0009 before its review, got none" in faults[0].error


async def test_what_needs_no_question_is_forgotten() -> None:
    """The desk's memory holds only what may still be asked about."""
    lab = house(World())
    await lab.hear(proposed(1), proposed(2), proposed(3), cleared(1), asked(2))
    life = await lab.live()
    assert list(life.runtime.seats[0].agent.memory.proposals) == [candidate(3)]
