"""A real optical bench behind drivers in Python, such as those of slmsuite."""
