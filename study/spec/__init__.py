"""The study file: TOML in, a checked and frozen study out; and back."""
