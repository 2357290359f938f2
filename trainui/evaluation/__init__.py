"""Evaluation of each checkpoint of a training while it runs. Read `evaluator` first."""
