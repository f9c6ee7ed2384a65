-- Everything that a person should know of: failures, doubts, losses, faults of agents and troubles beneath them.
SELECT
    campaign AS campaign, -- The campaign.
    seq AS seq, -- Place in the log.
    time AS time, -- When, on the lab's clock.
    kind AS kind, -- Which event says so.
    what AS what, -- Who or what is concerned: an instrument, an agent, the disk.
    sample_ids AS sample_ids, -- Vials that are concerned.
    said AS said -- What was noticed, in a sentence.
FROM (
    SELECT campaign, seq, time, 'synthesis.step_failed' AS kind, instrument AS what, sample_ids,
        step || ' failed: ' || reason AS said
    FROM synthesis.step_failed
    UNION ALL
    SELECT campaign, seq, time, 'synthesis.step_completed', instrument, [t.sample_id], t.reason
    FROM (SELECT *, unnest(troubles) AS t FROM synthesis.step_completed)
    UNION ALL
    SELECT campaign, seq, time, 'synthesis.sample_lost', 'vial', [sample_id], reason FROM synthesis.sample_lost
    UNION ALL
    SELECT campaign, seq, time, 'synthesis.sample_synthesised', 'vial', [sample_id], unnest(doubts)
    FROM synthesis.sample_synthesised
    UNION ALL
    SELECT campaign, seq, time, 'diffraction.measurement_failed', instrument, [sample_id], reason
    FROM diffraction.measurement_failed
    UNION ALL
    SELECT campaign, seq, time, 'diffraction.analysis_flagged', 'pattern', [sample_id], reason
    FROM diffraction.analysis_flagged
    UNION ALL
    SELECT campaign, seq, time, 'learning.observation_withheld', 'label', [sample_id], reason
    FROM learning.observation_withheld
    UNION ALL
    SELECT campaign, seq, time, 'learning.observation_retracted', 'label', [sample_id], reason FROM retractions
    UNION ALL
    SELECT campaign, seq, time, 'learning.model_rejected', model_id, [], reason FROM learning.model_rejected
    UNION ALL
    SELECT campaign, seq, time, 'presence.agent_faulted', agent, [],
        'stumbled over ' || event_kind || ': ' || error || ' (' || "where" || ')'
    FROM presence.agent_faulted
    UNION ALL
    SELECT campaign, seq, time, 'presence.lab_troubled', trouble, [], reason FROM presence.lab_troubled
)
ORDER BY seq
