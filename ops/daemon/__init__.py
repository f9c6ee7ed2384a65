"""The lab as a daemon: real time, until it is told to stop; started again it goes on where it was."""
