"""What README, docs and CONTRIBUTING say."""
