"""Checks of an environment, one module for each subject: observations in, checks out; and checks of placed calls."""
