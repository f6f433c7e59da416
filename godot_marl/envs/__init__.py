"""The example environments that come with the package, one module each."""
