"""What a device person checks first: parts of a fabricated chip, probed one by one."""
