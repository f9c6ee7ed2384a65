-- One row for each vial, and for each measured sample that nobody asked for; scans of standards are none: how it was made and what became of it.
SELECT
    v.campaign AS campaign, -- The campaign.
    v.sample_id AS sample_id, -- The vial, or the name that a dropped file gave.
    v.candidate_id AS candidate_id, -- The proposal that it carries out; none for a dropped file.
    formula(v.composition) AS formula, -- What it was meant to become.
    p.family AS family, -- Its chemistry family.
    recipe_words(v.recipe) AS recipe, -- How, in a line.
    v.run_id AS run_id, -- The furnace run.
    v.furnace AS furnace, -- The furnace.
    CASE
        WHEN gone.seq > label.seq THEN 'retracted'
        WHEN label.success THEN 'success'
        WHEN label.seq IS NOT NULL THEN 'learnt'
        WHEN withheld.seq IS NOT NULL THEN 'withheld'
        WHEN lost.seq IS NOT NULL THEN 'lost'
        ELSE 'under way'
    END AS fate, -- What became of it: success, learnt, withheld, retracted, lost or under way.
    CASE
        WHEN gone.seq > label.seq THEN gone.reason
        WHEN label.seq IS NULL THEN coalesce(withheld.reason, lost.reason)
    END AS why, -- Why nothing is learnt from it; none where something is.
    label.lattice AS lattice, -- Pseudo-cubic lattice parameter that was learnt. [Angstrom]
    label.phase_fraction AS phase_fraction, -- Share of the wanted phase that was learnt. [1]
    label.cubicity AS cubicity, -- 1 for Pm-3m, less for distorted cells. [1]
    label.heterogeneity AS heterogeneity, -- Spread of the composition. [1]
    label.utility AS utility, -- How good it is for the goal. [1]
    label.success AS success, -- Whether it meets the goal.
    found.analysis.verdict AS verdict, -- How sure the identification is: identified, ambiguous or unknown.
    phase_words(found.analysis.phases) AS phases, -- Phases found with their shares by weight, largest first.
    found.flag AS flag, -- Why the pattern is not accounted for; none where it is.
    found.analysis.r_wp AS r_wp, -- Weighted profile residual of the fit. [1]
    made.product_mass AS product_mass, -- What the balance showed at the end. [g]
    made.expected_mass AS expected_mass, -- What mass conservation predicts. [g]
    made.doubts AS doubts, -- What was noticed while it was made.
    scan.measurement_id AS measurement_id, -- The measurement.
    pattern.pattern.sha256 AS pattern_sha256, -- Digest of the measured file.
    v.time AS scheduled_at, -- When its run was booked, on the lab's clock like the times below.
    coalesce(made.time, lost.time) AS made_at, -- When it came out of its last firing, or was lost.
    pattern.ended_at AS measured_at, -- When the scan ended.
    coalesce(label.time, withheld.time) AS learnt_at, -- When it became a label, or was withheld.
    gone.time AS retracted_at -- When its label was taken back.
FROM (
    SELECT * FROM (
        SELECT campaign, seq, time, run_id, furnace, unnest(samples, max_depth := 2)
        FROM scheduling.run_scheduled
    )
    QUALIFY row_number() OVER (PARTITION BY campaign, sample_id ORDER BY seq DESC) = 1
    UNION ALL BY NAME
    SELECT campaign, sample_id, min(seq) AS seq, NULL::TIMESTAMPTZ AS time
    FROM diffraction.pattern_measured m
    WHERE NOT starts_with(m.measurement_id, 'standard/') AND NOT EXISTS (
        FROM (SELECT campaign, unnest(samples).sample_id AS known FROM scheduling.run_scheduled) s
        WHERE s.campaign = m.campaign AND s.known = m.sample_id
    )
    GROUP BY ALL
) v
LEFT JOIN (
    SELECT * FROM planning.candidate_proposed
    QUALIFY row_number() OVER (PARTITION BY campaign, candidate_id ORDER BY seq) = 1
) p ON p.campaign = v.campaign AND p.candidate_id = v.candidate_id
LEFT JOIN (
    SELECT * FROM synthesis.sample_synthesised
    QUALIFY row_number() OVER (PARTITION BY campaign, sample_id ORDER BY seq DESC) = 1
) made ON made.campaign = v.campaign AND made.sample_id = v.sample_id
LEFT JOIN (
    SELECT * FROM synthesis.sample_lost
    QUALIFY row_number() OVER (PARTITION BY campaign, sample_id ORDER BY seq DESC) = 1
) lost ON lost.campaign = v.campaign AND lost.sample_id = v.sample_id
LEFT JOIN (
    -- the measurement that counts: that of the label, else the last that the lab asked for, else what was handed in
    SELECT campaign, sample_id, measurement_id FROM (
        SELECT campaign, sample_id, measurement_id, seq, 1 AS counts FROM diffraction.measurement_started
        UNION ALL SELECT campaign, sample_id, measurement_id, seq, 0 FROM diffraction.pattern_measured
        UNION ALL SELECT campaign, sample_id, measurement_id, seq, 2 FROM learning.observation_recorded
    )
    QUALIFY row_number() OVER (PARTITION BY campaign, sample_id ORDER BY counts DESC, seq DESC) = 1
) scan ON scan.campaign = v.campaign AND scan.sample_id = v.sample_id
LEFT JOIN (
    SELECT * FROM diffraction.pattern_measured
    QUALIFY row_number() OVER (PARTITION BY campaign, sample_id, measurement_id ORDER BY seq DESC) = 1
) pattern ON pattern.campaign = v.campaign AND pattern.sample_id = v.sample_id
    AND pattern.measurement_id = scan.measurement_id
LEFT JOIN (
    SELECT campaign, seq, sample_id, measurement_id, analysis, flag FROM (
        SELECT campaign, seq, sample_id, measurement_id, analysis, NULL AS flag FROM diffraction.phases_identified
        UNION ALL
        SELECT campaign, seq, sample_id, measurement_id, analysis, reason FROM diffraction.analysis_flagged
    )
    QUALIFY row_number() OVER (PARTITION BY campaign, sample_id, measurement_id ORDER BY seq DESC) = 1
) found ON found.campaign = v.campaign AND found.sample_id = v.sample_id
    AND found.measurement_id = scan.measurement_id
LEFT JOIN (
    SELECT * FROM learning.observation_recorded
    QUALIFY row_number() OVER (PARTITION BY campaign, sample_id ORDER BY seq DESC) = 1
) label ON label.campaign = v.campaign AND label.sample_id = v.sample_id
LEFT JOIN (
    SELECT * FROM learning.observation_withheld
    QUALIFY row_number() OVER (PARTITION BY campaign, sample_id ORDER BY seq DESC) = 1
) withheld ON withheld.campaign = v.campaign AND withheld.sample_id = v.sample_id
LEFT JOIN (
    SELECT * FROM retractions QUALIFY row_number() OVER (PARTITION BY campaign, sample_id ORDER BY seq DESC) = 1
) gone ON gone.campaign = v.campaign AND gone.sample_id = v.sample_id
ORDER BY v.campaign, v.seq, v.sample_id
