"""Who asks, and whether they may: nothing is open that does not say so."""
