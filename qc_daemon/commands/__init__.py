"""The commands of `qc-daemon`, grouped by who types them."""
