-- From a sample to its pattern, identification and label, to each model that was fitted on it, and to what was decided with that.
SELECT
    o.campaign AS campaign, -- The campaign.
    o.candidate_id AS candidate_id, -- The proposal.
    o.sample_id AS sample_id, -- The vial.
    o.measurement_id AS measurement_id, -- The measurement.
    pattern.pattern.sha256 AS pattern_sha256, -- Digest of the measured file.
    pattern.seq AS pattern_seq, -- Where its measurement stands in the log.
    found.seq AS identification_seq, -- Where its identification stands.
    o.seq AS observation_seq, -- Where the label stands.
    m.dataset_sha256 AS dataset_sha256, -- Digest of the snapshot that has the label in it; none before there is one.
    m.model_id AS model_id, -- The model that was fitted on it.
    m.model_sha256 AS model_sha256, -- Digest of that model.
    m.seq AS model_seq, -- Where its release stands.
    m.seq = min(m.seq) OVER (PARTITION BY o.campaign, o.sample_id) AS first_model, -- Whether it is the first to know of the sample.
    used.candidates AS decided -- Candidates that were decided on with that model.
FROM learning.observation_recorded o
LEFT JOIN (
    SELECT * FROM diffraction.pattern_measured
    QUALIFY row_number() OVER (PARTITION BY campaign, sample_id, measurement_id ORDER BY seq DESC) = 1
) pattern ON pattern.campaign = o.campaign AND pattern.sample_id = o.sample_id
    AND pattern.measurement_id = o.measurement_id
LEFT JOIN (
    SELECT campaign, sample_id, measurement_id, max(seq) AS seq FROM (
        SELECT campaign, sample_id, measurement_id, seq FROM diffraction.phases_identified
        UNION ALL SELECT campaign, sample_id, measurement_id, seq FROM diffraction.analysis_flagged
    )
    GROUP BY ALL
) found ON found.campaign = o.campaign AND found.sample_id = o.sample_id AND found.measurement_id = o.measurement_id
LEFT JOIN (
    SELECT campaign, sample_id, min(seq) AS seq FROM retractions GROUP BY ALL
) gone ON gone.campaign = o.campaign AND gone.sample_id = o.sample_id AND gone.seq > o.seq
LEFT JOIN models m ON m.released AND m.campaign = o.campaign AND m.learnt_up_to >= o.seq
    AND (gone.seq IS NULL OR m.learnt_up_to < gone.seq)
LEFT JOIN (
    SELECT campaign, model_sha256, list(candidate_id ORDER BY seq) AS candidates FROM decisions GROUP BY ALL
) used ON used.campaign = m.campaign AND used.model_sha256 = m.model_sha256
ORDER BY o.seq, m.seq
