"""How much of a slope can be arithmetic where targets are set from the score that change is measured from."""
