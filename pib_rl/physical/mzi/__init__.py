"""The mzi substrate: light in meshes of Mach-Zehnder interferometers."""
