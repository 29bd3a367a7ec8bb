"""Probes, cases, comparison and diagnosis: what the notebook's check and the grader share."""
