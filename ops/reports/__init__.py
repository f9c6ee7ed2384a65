"""The report of a campaign: one page that shows what was made, what was found, and how far it can be believed."""
