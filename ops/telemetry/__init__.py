"""What a running lab tells about itself: spans, a log and numbers, in files that nothing has to be running to read."""
