"""The files that ship with the package, and the user's cache."""
