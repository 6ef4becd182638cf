"""Files, frames and result objects become checked, labelled data."""
