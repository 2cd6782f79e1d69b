"""What `pib-rl certify` consists of: specimens of a substrate, checks of its contract, report."""
