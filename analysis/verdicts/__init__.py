"""Where size stops paying: rules on curves, decisions, growth with data, comparisons."""
