-- Each campaign: what it looks for, how it went and how far it is.
SELECT
    s.campaign AS campaign, -- The campaign.
    s.plan.title AS title, -- What it is about.
    s.seed AS seed, -- Seed of everything that is drawn at random.
    s.plan.planner.strategy AS strategy, -- How candidates are ranked.
    s.virtual AS virtual, -- Whether its clock is virtual.
    s.simulated AS simulated, -- Parts of the lab that are simulated.
    s.code_version AS code_version, -- The Athanor that runs it.
    s.plan.goal.lattice AS wanted_lattice, -- Lattice parameter that is looked for. [Angstrom]
    s.time AS started_at, -- When it began, on the lab's clock.
    f.time AS finished_at, -- When it ended by itself.
    f.reason AS finished_because, -- Which budget ran out.
    e.last_at AS last_at, -- When the last event happened.
    e.events AS events, -- Events in the log.
    (SELECT count(*) FROM samples x WHERE x.campaign = s.campaign AND x.candidate_id IS NOT NULL) AS vials, -- Vials booked.
    (SELECT count(*) FROM samples x WHERE x.campaign = s.campaign AND x.success AND x.fate = 'success') AS successes, -- Vials that meet the goal.
    (SELECT max(x.utility) FROM samples x WHERE x.campaign = s.campaign AND x.fate IN ('success', 'learnt')) AS best_utility -- The highest utility.
FROM (
    SELECT * FROM campaign.started QUALIFY row_number() OVER (PARTITION BY campaign ORDER BY seq) = 1
) s
LEFT JOIN (
    SELECT * FROM campaign.finished QUALIFY row_number() OVER (PARTITION BY campaign ORDER BY seq DESC) = 1
) f USING (campaign)
JOIN (SELECT campaign, max(time) AS last_at, count(*) AS events FROM events GROUP BY campaign) e USING (campaign)
ORDER BY s.seq
