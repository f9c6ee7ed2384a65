-- What each instrument did, and how much of the time.
SELECT
    campaign AS campaign, -- The campaign.
    instrument AS instrument, -- The instrument.
    count(*) AS actions, -- Actions that it was asked for.
    count(*) FILTER (outcome = 'done') AS done, -- Of these, ended well.
    count(*) FILTER (outcome = 'failed') AS failed, -- Of these, failed.
    count(*) FILTER (outcome = 'under way') AS under_way, -- Of these, not ended.
    count(*) FILTER (step = 'fire') AS firings, -- Firings among them.
    count(*) FILTER (step = 'scan') AS scans, -- Scans among them.
    coalesce(sum(hours), 0) AS busy_hours, -- Time that it was busy, on the lab's clock. [h]
    coalesce(sum(hours), 0) / nullif(any_value(span), 0) AS busy_share, -- The same as a share of the campaign so far. [1]
    len(list_distinct(flatten(list(sample_ids)))) AS vials, -- Vials that passed through it.
    min(started_at) AS first_used, -- When it was used first.
    max(coalesce(ended_at, started_at)) AS last_used -- When it was used last.
FROM steps JOIN (
    SELECT campaign, epoch(max(time) - min(time)) / 3600 AS span FROM events GROUP BY campaign
) USING (campaign)
GROUP BY campaign, instrument
ORDER BY campaign, instrument
