"""Virtual patients: sampling, staging and screening."""
