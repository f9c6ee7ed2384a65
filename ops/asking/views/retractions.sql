-- Labels that were taken back after they were recorded.
SELECT
    campaign AS campaign, -- The campaign.
    seq AS seq, -- Place in the log.
    time AS time, -- When, on the lab's clock.
    sample_id AS sample_id, -- The vial.
    reason AS reason -- What was found out, and how.
FROM learning.observation_retracted
ORDER BY seq
