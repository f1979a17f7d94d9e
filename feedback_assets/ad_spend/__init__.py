"""What advertising costs: files of the user's own, read whole into ``ad_spend.daily``."""
