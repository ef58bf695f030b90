"""The methods of the comparison tables, one file each."""
