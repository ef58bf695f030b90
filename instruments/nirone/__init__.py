"""The NIRONE Sensor of Spectral Engines on a serial line."""
