"""What may vary: axes with roles, domains and conditions. Standard library only."""

from search_spaces.domains import Categorical, Domain, Float, Int, Value, domain_from_json
from search_spaces.errors import SpaceError
from search_spaces.space import Axis, Condition, Role, SearchSpace

__all__ = [
    "Axis",
    "Categorical",
    "Condition",
    "Domain",
    "Float",
    "Int",
    "Role",
    "SearchSpace",
    "SpaceError",
    "Value",
    "domain_from_json",
]
