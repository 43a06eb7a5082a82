"""Width or depth: the best shape at each size, which way to grow, and what other costs say."""
