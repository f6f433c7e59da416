"""The messages of `docs/protocol.md`, without any I/O."""
