-- Each decision of the trust auditor: what was proposed, what it rested on, and what a review said.
SELECT
    d.campaign AS campaign, -- The campaign.
    d.seq AS seq, -- The decision's place in the log.
    d.candidate_id AS candidate_id, -- The candidate.
    p.batch_id AS batch_id, -- Its batch.
    p.rank AS rank, -- Its place in the batch, best first.
    formula(p.composition) AS formula, -- What it was meant to become.
    p.family AS family, -- Its chemistry family.
    recipe_words(p.recipe) AS recipe, -- How it was to be made, in a line.
    p.origin AS origin, -- What it came from: initial design, acquisition or random.
    p.score AS score, -- Acquisition value; none for an initial or random design.
    d.decision.outcome AS outcome, -- What was decided: cleared, refused or escalated.
    d.hard AS hard, -- For a refusal, whether it is final.
    d.time AS decided_at, -- When, on the lab's clock.
    d.decision.surrogate.model.model_id AS model_id, -- The model that it rested on; none before there is one.
    d.decision.surrogate.model.sha256 AS model_sha256, -- Digest of its component models.
    d.decision.surrogate.trust_model.sha256 AS trust_model_sha256, -- Digest of its trust model.
    d.decision.surrogate.dataset_sha256 AS dataset_sha256, -- Digest of the data that it was fitted on.
    d.decision.surrogate.n_observations AS n_observations, -- Observations in them.
    expected(p.predictions, 'lattice').mean AS lattice_mean, -- Expected pseudo-cubic lattice parameter. [Angstrom]
    expected(p.predictions, 'lattice').sd AS lattice_sd, -- Standard deviation of that. [Angstrom]
    interval_of(d.decision.conformal, 'lattice').lower AS lattice_lower, -- Lower end of its conformal interval. [Angstrom]
    interval_of(d.decision.conformal, 'lattice').upper AS lattice_upper, -- Upper end. [Angstrom]
    interval_of(d.decision.conformal, 'lattice').basis AS lattice_basis, -- How the interval was made.
    interval_of(d.decision.conformal, 'lattice').n_calibration AS lattice_n_calibration, -- Scores that it rests on.
    expected(p.predictions, 'phase_fraction').mean AS phase_fraction_mean, -- Expected share of the wanted phase. [1]
    expected(p.predictions, 'phase_fraction').sd AS phase_fraction_sd, -- Standard deviation of that. [1]
    interval_of(d.decision.conformal, 'phase_fraction').lower AS phase_fraction_lower, -- Lower end of its interval. [1]
    interval_of(d.decision.conformal, 'phase_fraction').upper AS phase_fraction_upper, -- Upper end. [1]
    interval_of(d.decision.conformal, 'lattice').alpha AS alpha, -- Nominal miscoverage of the intervals. [1]
    d.decision.votes AS ood_votes, -- How many of the three voting out-of-distribution scores were exceeded.
    map_from_entries([(o.name, o.value) FOR o IN d.decision.ood]) AS ood_scores, -- Each score by its name.
    [o.name FOR o IN d.decision.ood IF o.exceeded] AS ood_exceeded, -- Scores above their thresholds.
    [c.name FOR c IN d.decision.feasibility IF NOT c.satisfied] AS broken_constraints, -- Constraints that did not hold.
    d.decision.reasons AS reasons, -- Why, in sentences.
    d.decision.human_review AS human_review, -- Whether a person was asked.
    r.approved AS approved, -- What the review said; none where there was none yet.
    r.reviewer AS reviewer, -- Who said it.
    r.simulated AS review_simulated, -- Whether a policy stood in for a person.
    r.reason AS review_reason, -- Why.
    r.time AS reviewed_at, -- When, on the lab's clock.
    coalesce(r.approved, d.decision.outcome = 'cleared') AS may_be_made, -- Whether the candidate may be made so far.
    d.decision.rubric.constraint AS rubric_constraint, -- The constraint that was enforced.
    d.decision.rubric.trust_signal AS rubric_trust_signal, -- The signal that was heeded.
    d.decision.rubric.failure_mode AS rubric_failure_mode, -- How this decision could be wrong.
    d.decision.rubric.mitigation AS rubric_mitigation, -- What is done against that.
    d.id AS id -- The decision's event.
FROM (
    SELECT campaign, seq, id, time, candidate_id, decision, NULL::BOOLEAN hard, NULL review_id
    FROM trust.candidate_cleared
    UNION ALL
    SELECT campaign, seq, id, time, candidate_id, decision, hard, NULL FROM trust.candidate_refused
    UNION ALL
    SELECT campaign, seq, id, time, candidate_id, decision, NULL, review_id FROM trust.review_requested
) d
LEFT JOIN (
    SELECT * FROM planning.candidate_proposed
    QUALIFY row_number() OVER (PARTITION BY campaign, candidate_id ORDER BY seq) = 1
) p USING (campaign, candidate_id)
LEFT JOIN (
    SELECT * FROM review.decided QUALIFY row_number() OVER (PARTITION BY campaign, review_id ORDER BY seq DESC) = 1
) r ON r.campaign = d.campaign AND r.review_id = d.review_id
ORDER BY d.seq
