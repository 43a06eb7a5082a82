"""How well curves are forecast: public curves, made-up families, and rivals beside."""
