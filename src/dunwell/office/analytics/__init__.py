"""What the nightly run counted, as pages: each chart with its definition and its table, no personal data."""
