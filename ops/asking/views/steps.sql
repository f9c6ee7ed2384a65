-- Each action of making and measuring: who did what to which vials, how long it took and how it ended.
SELECT
    s.campaign AS campaign, -- The campaign.
    s.seq AS seq, -- Where the intent stands in the log.
    s.key AS key, -- Idempotency key of the action.
    s.step AS step, -- Which action: weigh, mill, load, fire, regrind, unload, scan.
    s.firing AS firing, -- Which firing it belongs to; none for a scan.
    s.instrument AS instrument, -- Which instrument.
    s.run_id AS run_id, -- The furnace run; none for a scan.
    s.sample_ids AS sample_ids, -- The vials that take part.
    CASE WHEN e.seq IS NULL THEN 'under way' WHEN e.failed THEN 'failed' ELSE 'done' END AS outcome, -- done, failed or under way.
    e.reason AS reason, -- Why it failed.
    coalesce(e.started_at, s.time) AS started_at, -- When it began, on the lab's clock.
    e.ended_at AS ended_at, -- When it ended.
    epoch(e.ended_at - coalesce(e.started_at, s.time)) / 3600 AS hours, -- How long it took. [h]
    map_from_entries([(r.name || ' [' || r.unit || ']', r.value) FOR r IN list_distinct(e.readings)]) AS readings, -- What the instrument logged.
    [t.reason FOR t IN e.troubles] AS troubles, -- What happened to single vials all the same.
    e.seq AS ended_seq -- Where its end stands in the log.
FROM (
    SELECT campaign, seq, time, key, step, firing, instrument, run_id, sample_ids FROM synthesis.step_started
    UNION ALL
    SELECT campaign, seq, time, measurement_id, 'scan', NULL, instrument, NULL, [sample_id]
    FROM diffraction.measurement_started
) s
LEFT JOIN (
    SELECT campaign, seq, key, false AS failed, NULL AS reason, started_at, ended_at, readings, troubles
    FROM synthesis.step_completed
    UNION ALL BY NAME
    SELECT campaign, seq, key, true AS failed, reason, time AS ended_at, readings, troubles
    FROM synthesis.step_failed
    UNION ALL BY NAME
    SELECT campaign, seq, measurement_id AS key, false AS failed, started_at, ended_at
    FROM diffraction.pattern_measured
    UNION ALL BY NAME
    SELECT campaign, seq, measurement_id AS key, true AS failed, reason, time AS ended_at
    FROM diffraction.measurement_failed
) e ON e.campaign = s.campaign AND e.key = s.key
QUALIFY row_number() OVER (PARTITION BY s.campaign, s.key, s.seq ORDER BY e.seq) = 1
ORDER BY s.seq
