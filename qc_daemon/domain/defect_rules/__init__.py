"""Versioned rules that give defects their penalty points; qc_daemon/domain/defect_points.py reads them."""
