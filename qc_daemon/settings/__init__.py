"""Sections of the configuration, one file a subject; qc_daemon.config reads them."""
