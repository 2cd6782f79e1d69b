"""The optical substrate: a modulator, a scattering medium and a camera, with digital or optical weights."""
