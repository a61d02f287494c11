"""What each runbook does, step by step: look, plan, apply, check, record."""
