-- Each model that was fitted: released or rejected, on what, how good, and how many decisions rested on it.
SELECT
    m.campaign AS campaign, -- The campaign.
    m.seq AS seq, -- Its place in the log.
    m.model_id AS model_id, -- The model.
    m.released AS released, -- Whether it passed its checks and is used.
    m.reason AS reason, -- Why it was rejected.
    m.time AS time, -- When, on the lab's clock.
    lead(m.time) OVER (PARTITION BY m.campaign, m.released ORDER BY m.seq) AS replaced_at, -- When the next one like it came.
    m.n_observations AS n_observations, -- Observations that it was fitted on.
    m.dataset_sha256 AS dataset_sha256, -- Digest of their snapshot.
    m.model_sha256 AS model_sha256, -- Digest of the component models.
    m.trust_model_sha256 AS trust_model_sha256, -- Digest of the trust model.
    map_from_entries([(x.name || ' [' || x.unit || ']', x.value) FOR x IN m.metrics]) AS metrics, -- What the checks found.
    (SELECT count(*) FROM decisions d WHERE d.campaign = m.campaign AND d.model_sha256 = m.model_sha256) AS decisions, -- How many rested on it.
    m.learnt_up_to AS learnt_up_to -- It was fitted because of the event at this place: on what was known by then.
FROM (
    SELECT
        r.campaign, r.seq, r.model.model_id, true AS released, NULL AS reason, r.time, r.n_observations,
        r.dataset.sha256 AS dataset_sha256, r.model.sha256 AS model_sha256,
        r.trust_model.sha256 AS trust_model_sha256, r.metrics, coalesce(c.seq, r.seq) AS learnt_up_to
    FROM learning.model_released r LEFT JOIN events c ON c.id = r.cause AND NOT c.repeated
    UNION ALL
    SELECT
        r.campaign, r.seq, r.model_id, false, r.reason, r.time, r.n_observations,
        r.dataset_sha256, NULL, NULL, r.metrics, coalesce(c.seq, r.seq)
    FROM learning.model_rejected r LEFT JOIN events c ON c.id = r.cause AND NOT c.repeated
) m
ORDER BY m.seq
