"""What the command ``querycache`` does with runs and baselines: without pytest, without the user's code."""
