"""The reference trainer and its parts: what every faster way is tested against."""
