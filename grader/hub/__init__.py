"""A class on JupyterHub: `make classroom` shows it on one machine, with one instructor."""
