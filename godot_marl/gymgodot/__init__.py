"""GymGodot's side of the wire: its games, unchanged, as Gymnasium environments of today."""
