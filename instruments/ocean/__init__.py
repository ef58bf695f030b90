"""Ocean spectrometers that speak the Ocean Binary Protocol on a serial line."""
