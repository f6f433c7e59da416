"""What this package knows of each kind of space, a class for each.

To add a kind: write a class of `LeafKind` (or `CompositeKind`) in a file of its own, name it in `registry.KINDS`, and
describe it in `docs/protocol.md`, section 3. Nothing else in the package looks at the type of a space, but trainers
that cannot use all kinds and GymGodot's older wire format; these raise an error for a kind that they do not list.
"""
