"""The TI DLP NIRscan Nano over its serial command interface."""
