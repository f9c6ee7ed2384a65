"""`athanor replay`: makes every decision of a recorded campaign again, and tells what differs, or what would."""
