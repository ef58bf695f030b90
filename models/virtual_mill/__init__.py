"""A seeded generator of paired spectra and micrographs with known fibre shares."""
