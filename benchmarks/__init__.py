"""Speed and memory against peers: each module is a command that prints ratios."""
