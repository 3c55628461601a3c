"""The customers that everything is measured on: made up, the same at each build, and kept."""
