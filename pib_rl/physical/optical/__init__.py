"""The optical substrate: a display, a scattering medium and a camera, with digital or optical weights."""
