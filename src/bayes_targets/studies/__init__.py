"""The studies, one file each: from the tables of a data package to estimates, counts and what models need."""
