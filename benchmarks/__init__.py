"""What a frame costs, beside what other people use; docs/performance.md has the figures."""
