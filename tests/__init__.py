"""A package, so that no other one named `tests` (some libraries install theirs) comes before it."""
