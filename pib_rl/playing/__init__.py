"""Playing a saved run: the session, the learner in place, the window, films."""
