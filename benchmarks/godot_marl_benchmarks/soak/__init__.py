"""Steps environments for hours, kills their games, and finds what grows."""
