"""Who may what: people and teams, roles as text, the permission each page names, and personal data masked until opened."""
